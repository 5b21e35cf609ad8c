"""Types and their API versions: only pairs that somebody has looked up."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.infra.syntax import Templates


def version_drift(templates: Templates) -> Iterator[str]:
    """Yield a line for each pair that is used and not in api-versions.json, or there and not used."""
    listed = json.loads((templates.folder / "api-versions.json").read_text())["types"]
    used = {
        f"{resource['type']}@{resource['api_version']}"
        for module in templates.all.values()
        for resource in module.resources.values()
    }
    yield from (f"{pair} was not looked up" for pair in sorted(used - listed.keys()))
    yield from (f"{pair} is listed and not used" for pair in sorted(listed.keys() - used))
    for pair, source in listed.items():
        if f"/{pair.rpartition('@')[2]}/" not in source:
            yield f"{pair} was looked up in {source}, which is another version's"
