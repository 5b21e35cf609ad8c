"""Bicep's syntax trees, as far as the checks look into them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pycep import BicepParser


def parsed(path: Path) -> dict[str, Any]:
    """Return a template's syntax tree."""
    return dict(BicepParser().parse(file_path=path))


def access(value: Any) -> tuple[Any, Any] | None:
    """Return the two parts of `symbol.property`, or None."""
    operator = value.get("operator", {}) if isinstance(value, dict) else {}
    if operator.get("type") != "property_accessor":
        return None
    return operator["operands"]["operand_1"], operator["operands"]["operand_2"]
