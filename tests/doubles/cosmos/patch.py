"""Partial updates of an item: add, set, replace, remove and incr, at paths of names and array positions."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from tests.doubles.cosmos.errors import bad_request

MAX_OPERATIONS = 10
"""Microsoft: "Partial document update in Azure Cosmos DB", per patch."""


def patched(body: dict[str, Any], operations: Any) -> dict[str, Any]:
    """Return a changed copy.

    Raises:
        Refused: 400; an operation or a path is wrong, or there are too many.
    """
    if not isinstance(operations, list) or not 1 <= len(operations) <= MAX_OPERATIONS:
        raise bad_request(f"A patch has from 1 to {MAX_OPERATIONS} operations.")
    changed = deepcopy(body)
    for operation in operations:
        _apply(changed, operation)
    return changed


def _apply(body: dict[str, Any], operation: Any) -> None:
    handler = _HANDLERS.get(operation.get("op")) if isinstance(operation, dict) else None
    path = operation.get("path") if isinstance(operation, dict) else None
    if handler is None or not isinstance(path, str) or not path.startswith("/"):
        raise bad_request(f"The patch operation is invalid: {operation!r}.")
    *parents, last = path[1:].split("/")
    place: Any = body
    for name in parents:
        place = place[_step(place, name)]
    handler(place, last, operation.get("value"))


def _step(place: Any, name: str) -> Any:
    if isinstance(place, dict) and name in place:
        return name
    if isinstance(place, list) and name.isdecimal() and int(name) < len(place):
        return int(name)
    raise bad_request(f"The patch's path doesn't exist: {name!r}.")


def _add(place: Any, name: str, value: Any) -> None:
    if isinstance(place, list) and (name == "-" or name.isdecimal()) and name != str(len(place)):
        place.insert(len(place) if name == "-" else _step(place, name), value)
    elif isinstance(place, list) and name == str(len(place)):
        place.append(value)
    else:
        _set(place, name, value)


def _set(place: Any, name: str, value: Any) -> None:
    if isinstance(place, dict):
        place[name] = value
    else:
        place[_step(place, name)] = value


def _replace(place: Any, name: str, value: Any) -> None:
    place[_step(place, name)] = value


def _remove(place: Any, name: str, _: Any) -> None:
    del place[_step(place, name)]


def _increment(place: Any, name: str, value: Any) -> None:
    before = place.get(name, 0) if isinstance(place, dict) else place[_step(place, name)]
    if not all(
        isinstance(number, int | float) and not isinstance(number, bool) for number in (before, value)
    ):
        raise bad_request("Only numbers can be incremented.")
    _set(place, name, before + value)


_HANDLERS: dict[Any, Callable[[Any, str, Any], None]] = {
    "add": _add,
    "set": _set,
    "replace": _replace,
    "remove": _remove,
    "incr": _increment,
}
