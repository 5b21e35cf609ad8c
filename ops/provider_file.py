"""A provider's document as a file: read, and its problems found again by their lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from shared.domain.errors import ConfigurationError, Problem
from shared.domain.model import WireModel
from shared.domain.provider import ProviderDocument
from shared.domain.validation import problems_of

MAX_BYTES = 1024 * 1024
"""What the API takes as a body."""


class LocatedProblem(WireModel):
    """What is wrong in a file, where, and what to do; lines count from 1."""

    path: str
    message: str
    line: int


@dataclass(frozen=True, slots=True)
class ProviderFile:
    """A file, as YAML or JSON has it: its content, and where in the text it stands."""

    name: str
    content: Any
    root: yaml.Node | None

    @classmethod
    def read(cls, path: Path) -> ProviderFile:
        """Read a file.

        Raises:
            ConfigurationError: It can't be read, is neither YAML nor JSON, or has a key twice in one object.
        """
        try:
            data = path.read_bytes()
            if len(data) > MAX_BYTES:
                raise ConfigurationError(f"{path} is larger than {MAX_BYTES // 1024} KB.")
            root = yaml.compose(data, Loader=yaml.SafeLoader)
            _require_distinct_keys(path, root)
            return cls(path.name, yaml.safe_load(data), root)
        except OSError as error:
            raise ConfigurationError(f"{path} can't be read: {error.strerror or error}.") from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigurationError(f"{path} is not YAML: {' '.join(str(error).split())}") from None

    def document(self, base_url: str | None = None) -> ProviderDocument | list[Problem]:
        """Return the provider that the file describes, or what keeps it from being one.

        Args:
            base_url: Takes the place of the document's own.
        """
        content = self.content
        if base_url and isinstance(content, dict) and isinstance(content.get("rest"), dict):
            content = {**content, "rest": {**content["rest"], "baseUrl": base_url}}
        try:
            return ProviderDocument.model_validate(content, by_alias=True, by_name=False)
        except ValidationError as error:
            return problems_of(error, content)

    def located(self, problems: Iterable[Problem]) -> tuple[LocatedProblem, ...]:
        """Return problems with their lines, in the order of the text."""
        found = [
            LocatedProblem(path=each.field, message=each.message, line=self._line_of(each.field))
            for each in problems
        ]
        return tuple(sorted(found, key=lambda problem: problem.line))

    def _line_of(self, path: str) -> int:
        """Return the line of a dotted path, or of as much of it as there is."""
        node, line = self.root, 1
        for name in path.split("."):
            found = _child(node, name)
            if found is None:
                break
            line, node = found
        return line


def _require_distinct_keys(path: Path, root: yaml.Node | None) -> None:
    """Refuse a key that comes twice in one object (YAML 1.2, 3.2.1.3); PyYAML would take the last."""
    nodes, seen = [root] if root else [], set[int]()
    while nodes:
        node = nodes.pop()
        if id(node) in seen:  # by an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _require_distinct(path, [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
            nodes += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value


def _require_distinct(path: Path, keys: Iterable[yaml.ScalarNode]) -> None:
    lines: dict[str, int] = {}
    for key in keys:
        line = key.start_mark.line + 1
        if first := lines.get(key.value):
            raise ConfigurationError(
                f"{path} has the key {key.value} twice in one object, in lines {first} and {line}; keep one."
            )
        lines[key.value] = line


def _child(node: yaml.Node | None, name: str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(
            ((key.start_mark.line + 1, value) for key, value in node.value if key.value == name), None
        )
    if isinstance(node, yaml.SequenceNode) and name.isdecimal() and int(name) < len(node.value):
        item = node.value[int(name)]
        return item.start_mark.line + 1, item
    return None
