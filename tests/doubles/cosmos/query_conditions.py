"""What conditions ask of an item, made for one execution from the parameters' values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.doubles.cosmos.query_values import MISSING, Path, at, comparison_with

Parameters = Mapping[str, Any]
Predicate = Callable[[Mapping[str, Any]], bool]

ID: Path = ("id",)


@dataclass(frozen=True)
class Condition:
    """A condition before its parameters are known.

    Attributes:
        bind: Takes the parameters, and gives what is asked of each item.
        ids: Takes the parameters, and gives the only ids that can be selected; None if any can. With it, a
            query for some items of a partition doesn't look at the others, as with the service's index.
    """

    bind: Callable[[Parameters], Predicate]
    ids: Callable[[Parameters], Sequence[Any]] | None = None


ALWAYS = Condition(lambda _given: lambda _item: True)


def any_of(conditions: list[Condition]) -> Condition:
    def bind(given: Parameters) -> Predicate:
        predicates = [condition.bind(given) for condition in conditions]
        return lambda item: any(predicate(item) for predicate in predicates)

    return conditions[0] if len(conditions) == 1 else Condition(bind)


def all_of(conditions: list[Condition]) -> Condition:
    def bind(given: Parameters) -> Predicate:
        predicates = [condition.bind(given) for condition in conditions]
        return lambda item: all(predicate(item) for predicate in predicates)

    ids = next((condition.ids for condition in conditions if condition.ids is not None), None)
    return conditions[0] if len(conditions) == 1 else Condition(bind, ids)


def compares(path: Path, comparison: str, name: str) -> Condition:
    """Compare the value at a path with a parameter; an undefined one, or one of another type, never holds."""

    def bind(given: Parameters) -> Predicate:
        holds = comparison_with(comparison, given[name])
        if len(path) == 1:
            field = path[0]
            return lambda item: holds(item.get(field, MISSING))
        return lambda item: holds(at(item, path))

    is_one = path == ID and comparison == "="
    return Condition(bind, (lambda given: [given[name]]) if is_one else None)


def is_one_of(path: Path, values: Callable[[Parameters], Any]) -> Condition:
    """Look for the value at a path among others; where these are no list, nothing is found."""

    def bind(given: Parameters) -> Predicate:
        found = values(given)
        return _among(path, found if isinstance(found, list) else [])

    def ids(given: Parameters) -> Sequence[Any]:
        found = values(given)
        return found if isinstance(found, list) else []

    return Condition(bind, ids if path == ID else None)


def has_type(path: Path, types: tuple[type, ...] | None, *, wanted: bool) -> Condition:
    """Ask for the type of the value at a path, or with None whether there is one."""

    def predicate(item: Mapping[str, Any]) -> bool:
        value = at(item, path)
        return (value is not MISSING if types is None else type(value) in types) is wanted

    return Condition(lambda _given: predicate)


def _among(path: Path, values: list[Any]) -> Predicate:
    texts = frozenset(value for value in values if isinstance(value, str))
    others = [comparison_with("=", value) for value in values if not isinstance(value, str)]

    def predicate(item: Mapping[str, Any]) -> bool:
        value = at(item, path)
        return value in texts if isinstance(value, str) else any(equals(value) for equals in others)

    return predicate
