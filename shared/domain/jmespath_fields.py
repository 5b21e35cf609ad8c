"""Which fields of a record a JMESPath expression reads, as far as its text tells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from shared.domain.field_paths import PATH_PATTERN
from shared.domain.jmespath_check import compile_jmespath

_LONGEST = 10
"""Names in a path."""

Node = Mapping[str, Any]
Place = tuple[str, ...] | None
"""A place in the record: `()` is the record itself. None is a value whose fields have all been counted."""


def fields_of(expression: str) -> frozenset[str] | None:
    """Return the dotted paths that an expression reads; None where it may read any field.

    A path ends where a list, a condition or a function begins: what is there is read whole. Few APIs can name
    fields inside a list, and one left out may change what a condition says.

    Raises:
        ValueError: It is no JMESPath expression.
    """
    reading = _Reading()
    try:
        reading.takes(reading.place_of(compile_jmespath(expression).parsed, ()))
    except _EverythingError:
        return None
    return frozenset(reading.paths)


class _EverythingError(Exception):
    """The record is read as a whole."""


class _Reading:
    """Follows an expression from place to place, and notes the places whose values it takes."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self._kinds: dict[str, Callable[[Node, Place], Place]] = {
            "field": self._field,
            "identity": lambda _, here: here,
            "current": lambda _, here: here,
            "literal": lambda *_: None,
            "subexpression": self._one_after_the_other,
            "pipe": self._one_after_the_other,
            "multi_select_list": self._multi_select,
            "multi_select_dict": self._multi_select,
            "projection": self._over_a_list,
            "filter_projection": self._over_a_list,
            "value_projection": self._over_a_list,
            "flatten": self._over_a_list,
            "index_expression": self._over_a_list,
            "expref": lambda *_: None,  # about what is in the function's other values
        }

    def place_of(self, node: Node, here: Place) -> Place:
        """Return where an expression leads from a place."""
        return self._kinds.get(node["type"], self._all_values)(node, here)

    def takes(self, place: Place) -> None:
        """Note that the value at a place is read with all that is in it."""
        if place is None:
            return
        if not place:
            raise _EverythingError
        self.paths.add(".".join(place[:_LONGEST]))

    def _field(self, node: Node, here: Place) -> Place:
        if here is None:
            return None
        if re.fullmatch(PATH_PATTERN, node["value"]) and "." not in node["value"]:
            return (*here, node["value"])
        self.takes(here)
        return None

    def _one_after_the_other(self, node: Node, here: Place) -> Place:
        for child in node["children"]:
            here = self.place_of(child, here)
        return here

    def _multi_select(self, node: Node, here: Place) -> Place:
        """Of a record there is always something to select from; whether of a part, only the part tells."""
        if here:
            self.takes(here)
            return None
        pairs = (
            child["children"][0] if child["type"] == "key_val_pair" else child for child in node["children"]
        )
        return self._takes_all(pairs, here)

    def _over_a_list(self, node: Node, here: Place) -> Place:
        """What follows the first part is about what is in the list, which is taken whole."""
        return self._takes_all(node["children"][:1], here)

    def _all_values(self, node: Node, here: Place) -> Place:
        """Take the values of all parts: comparisons, conditions, functions."""
        if not node["children"]:
            self.takes(here)
        return self._takes_all(node["children"], here)

    def _takes_all(self, nodes: Iterable[Node], here: Place) -> Place:
        for node in nodes:
            self.takes(self.place_of(node, here))
        return None
