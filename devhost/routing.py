"""From a request's path and method to the function that answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, zip_longest
from urllib.parse import unquote

from devhost.route_templates import Segment, parse_template

_ENCODED_SLASH = re.compile("(%2f)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Route:
    """A function's route. No methods means every method."""

    function: str
    template: str
    methods: frozenset[str]
    segments: tuple[Segment, ...]

    @classmethod
    def parse(cls, function: str, template: str, methods: frozenset[str]) -> Route:
        """Make a route from a template that includes the prefix.

        Raises:
            ValueError: See `parse_template`.
        """
        return cls(function, template, methods, parse_template(template))

    @property
    def order(self) -> tuple[tuple[int, ...], str]:
        """Sorts the most specific route first; of equals the one that the Azure host would take."""
        return tuple(segment.precedence for segment in self.segments), self.function.lower()

    def match(self, parts: Sequence[str]) -> dict[str, str] | None:
        """Return the parameters if the decoded path segments fit; absent ones are left out."""
        parameters: dict[str, str] = {}
        for position, segment in enumerate(self.segments):
            text = (
                "/".join(parts[position:]) if segment.catch_all else "".join(parts[position : position + 1])
            )
            if not text and position >= len(parts) and segment.may_be_absent:
                text = segment.default or ""
            elif not text or not segment.accepts(text):
                return None
            if segment.name and text:
                parameters[segment.name] = text
            if segment.catch_all:
                return parameters
        return parameters if len(parts) <= len(self.segments) else None

    def meets(self, other: Route) -> bool:
        """Tell whether some request may fit both."""
        if self.methods and other.methods and not self.methods & other.methods:
            return False
        for mine, theirs in zip_longest(self.segments, other.segments):
            if mine is None or theirs is None:
                return bool((mine or theirs).may_be_absent)
            if mine.catch_all or theirs.catch_all:
                return True
            if not mine.meets(theirs):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Match:
    """The function that answers, and its route parameters."""

    function: str
    parameters: dict[str, str]


class Router:
    """The routes of an app; paths are compared without case, the most specific route wins."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = sorted(routes, key=lambda route: route.order)

    def find(self, method: str, raw_path: str) -> tuple[Match | None, frozenset[str]]:
        """Return the match for a still encoded path, or None and the methods that the path does allow."""
        parts = _parts(raw_path)
        allowed: set[str] = set()
        for route in self._routes:
            parameters = route.match(parts)
            if parameters is not None:
                if not route.methods or method in route.methods:
                    return Match(route.function, parameters), frozenset()
                allowed |= route.methods
        return None, frozenset(allowed)

    def shadowed_in_azure(self) -> Iterator[tuple[Route, Route]]:
        """Yield (answers in Azure, answers here) of routes that some request fits both.

        The Azure host has no precedence: it tries functions in the alphabetical order of their names
        (github.com/Azure/azure-functions-host, issues 3153 and 9876).
        """
        for specific, general in combinations(self._routes, 2):
            if general.function.lower() < specific.function.lower() and general.meets(specific):
                yield general, specific


def _parts(raw_path: str) -> list[str]:
    """Split and decode once. As in Azure, a slash at the end does not count and an encoded one stays so."""
    path = raw_path.removeprefix("/").removesuffix("/")
    return [_decode(part) for part in path.split("/")] if path else []


def _decode(part: str) -> str:
    return "".join(
        piece if _ENCODED_SLASH.fullmatch(piece) else unquote(piece) for piece in _ENCODED_SLASH.split(part)
    )
