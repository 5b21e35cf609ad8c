"""Bicep's syntax trees, and as much of their meaning as the checks look at.

The parser can't tell a symbol from a string, and has no precedence of operators: names stand for themselves
where nothing else is known of them, and no arithmetic is done.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pycep import BicepParser

_HOLES = re.compile(r"\$\{([^{}]+)\}")


@functools.cache
def _parser() -> BicepParser:
    return BicepParser()


@functools.cache
def _tree(text: str) -> dict[str, Any]:
    return dict(_parser().parse(text=text))


def parsed(path: Path) -> dict[str, Any]:
    """Return a template's syntax tree, which is nobody's to change."""
    return _tree(path.read_text())


class Module:
    """One template, and what it loads."""

    def __init__(self, path: Path, declared: Mapping[str, Any]) -> None:
        self.name = path.stem
        self.text = path.read_text()
        self.tree = parsed(path)
        self._declared = declared

    @property
    def resources(self) -> Mapping[str, Any]:
        """By symbol."""
        return dict(self.tree.get("resources", {}))

    def instances(self, symbol: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Yield what a resource's loop runs over, by name, and its body: once where there is no loop."""
        config = self.resources[symbol]["config"]
        if "loop_type" not in config:
            yield {}, config.get("config", config)
            return
        loop = config["loop_type"]["detail"]
        for number, item in enumerate(self.value(loop["array_name"])):
            yield {loop["item_name"]: item, loop.get("index_name", ""): number}, config["config"]

    def value(self, tree: Any, known: Mapping[str, Any] | None = None) -> Any:
        """Return what an expression stands for; what can't be known here stays as it is written."""
        match tree:
            case list():
                return [self.value(each, known) for each in tree]
            case str():
                return self._text(tree, known or {})
            case {"function": {"type": kind, "parameters": parameters}}:
                return self._function(kind, parameters, known)
            case {"operator": {"type": kind, "operands": operands}}:
                return self._operation(kind, operands, known)
            case dict():
                return {key: self.value(each, known) for key, each in tree.items()}
        return tree

    def _operation(self, kind: str, operands: Mapping[str, Any], known: Mapping[str, Any] | None) -> Any:
        if kind == "property_accessor":
            return self._part([*_path(operands["operand_1"]), *_path(operands["operand_2"])], known)
        if kind == "index_accessor":
            return f"{operands['operand_1']}[{self.value(operands['operand_2'], known)}]"
        return {kind: self.value(operands, known)}

    def _function(self, kind: str, parameters: Mapping[str, Any], known: Mapping[str, Any] | None) -> Any:
        match kind:
            case "load_json_content" if parameters["file_path"] == "../declared.json":
                return self._declared
            case "subscription_resource_id":
                return self.value(parameters["resource_name_1"], known)
        return {kind: self.value(parameters, known)}

    def _text(self, text: str, known: Mapping[str, Any]) -> Any:
        if text in known:
            return known[text]
        variable = self.tree.get("variables", {}).get(text)
        if variable and variable["value"] != text:
            return self.value(variable["value"], known)
        return _HOLES.sub(lambda hole: str(self._part(hole[1].split("."), known)), text)

    def _part(self, path: list[Any], known: Mapping[str, Any] | None) -> Any:
        whole = self.value(path[0], known)
        for number, name in enumerate(path[1:], start=1):
            if not isinstance(whole, dict) or not isinstance(name, str) or name not in whole:
                return ".".join([str(whole), *map(str, path[number:])])
            whole = whole[name]
        return whole


def _path(tree: Any) -> Iterator[Any]:
    operator = tree.get("operator", {}) if isinstance(tree, dict) else {}
    if operator.get("type") == "property_accessor":
        yield from _path(operator["operands"]["operand_1"])
        yield from _path(operator["operands"]["operand_2"])
    else:
        yield tree


class Templates:
    """A folder of templates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.declared = json.loads((folder / "declared.json").read_text())
        self.main = Module(folder / "main.bicep", self.declared)
        self.modules = {
            path.stem: Module(path, self.declared) for path in sorted((folder / "modules").glob("*.bicep"))
        }

    @property
    def all(self) -> Mapping[str, Module]:
        """The modules, and `main` that calls them."""
        return {**self.modules, "main": self.main}
