"""`local.settings.json`: app settings for a developer's machine, as the func CLI reads them."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from pathlib import Path

from devhost.errors import StartupError


def load_local_settings(path: Path, environ: MutableMapping[str, str]) -> None:
    """Put the file's `Values` into `environ`; what is set there already wins. No file, no change.

    Raises:
        StartupError: The file is not what the func CLI would take, or is encrypted.
    """
    if not path.exists():
        return
    try:
        document = json.loads(path.read_bytes())
    except ValueError as error:
        raise StartupError(f"{path} is not JSON: {error}") from error
    values = document.get("Values", {}) if isinstance(document, dict) else None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise StartupError(f'{path}: "Values" must be an object of strings')
    if document.get("IsEncrypted"):
        raise StartupError(f"{path} is encrypted; only the func CLI can read it")
    for name, value in values.items():
        environ.setdefault(name, value)
