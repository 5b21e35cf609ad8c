"""What the code declares and needs, as one value: the checks change it to see that they notice."""

from __future__ import annotations

import ast
import functools
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.backends.azure.grants import Grant, grants
from shared.config import variables
from shared.domain import errors
from shared.domain.containers import CONTAINERS, Container
from shared.domain.queues import QUEUES, Queue

ROOT = Path(__file__).parents[2]

_LEVELS = {"debug", "info", "warning", "error", "exception"}


@dataclass(frozen=True)
class Code:
    containers: Mapping[str, Container]
    queues: Mapping[str, Queue]
    grants: frozenset[Grant]
    settings: Sequence[str]
    messages: frozenset[str]
    """What the app logs."""
    error_codes: frozenset[str]
    error_sources: frozenset[str]
    python: str
    """The version that the project asks for."""
    host: Mapping[str, Any]
    """host.json."""


@functools.cache
def code() -> Code:
    """Return this project's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return Code(
        containers=CONTAINERS,
        queues=QUEUES,
        grants=grants(),
        settings=variables(),
        messages=frozenset(_messages()),
        error_codes=frozenset(kind.code for kind in _errors()),
        error_sources=frozenset({errors.UnavailableError("").of_provider().source or ""}),
        python=project["requires-python"].removeprefix(">="),
        host=json.loads((ROOT / "host.json").read_text()),
    )


def _messages() -> Iterator[str]:
    """Find the first arguments of calls like `_log.info("A sync run has ended", ...)`."""
    for folder in ("shared", "functions"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(
                        func=ast.Attribute(value=ast.Name(id="_log"), attr=level),
                        args=[ast.Constant(value=str(message)), *_],
                    ) if level in _LEVELS:
                        yield message


def _errors() -> Iterator[type[errors.IntegrationError]]:
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.IntegrationError):
            yield kind
