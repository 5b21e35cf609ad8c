"""Reads the shipped providers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from pydantic import ValidationError

from shared.adapters.rest.definition import check
from shared.domain.errors import ConfigurationError
from shared.domain.provider import ProviderDocument
from shared.domain.validation import as_text, problems_of


@cache
def shipped_providers() -> tuple[ProviderDocument, ...]:
    """Return the shipped providers, ordered by file name; read once.

    Raises:
        ConfigurationError: A shipped document is invalid; the message names the file and the problems.
    """
    return load_catalog(Path(__file__).parent)


def load_catalog(folder: Path) -> tuple[ProviderDocument, ...]:
    """Read every `*.yaml` of a folder.

    Raises:
        ConfigurationError: One is invalid; the message names the file and the problems.
    """
    return tuple(_load(file) for file in sorted(folder.glob("*.yaml")))


def _load(file: Path) -> ProviderDocument:
    try:
        content = yaml.safe_load(file.read_bytes())
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file.name} is not YAML: {' '.join(str(error).split())}") from error
    try:
        document = ProviderDocument.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(
            f"{file.name} has problems: {as_text(problems_of(error, content))}"
        ) from error
    if problems := check(document):
        raise ConfigurationError(f"{file.name} has problems: {as_text(problems)}")
    return document
