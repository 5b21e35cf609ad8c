"""ASP.NET route templates as Functions uses them: `orders/{id:int}/{part?}`, `files/{*path}`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from devhost.route_constraints import Constraint, make_constraint

_PARAMETER = re.compile(
    r"\{(?P<stars>\*{0,2})(?P<name>[^:=?*{}/]+)"
    r"(?P<constraints>(?::[A-Za-z]+(?:\(.*?\)(?=:|=|\??\}$))?)*)"
    r"(?:=(?P<default>.*?))?(?P<optional>\?)?\}"
)
_CONSTRAINT = re.compile(r":([A-Za-z]+)(?:\((.*?)\)(?=:|$))?")


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a template: a literal (in lower case), or a parameter by its name."""

    literal: str | None = None
    name: str = ""
    constraints: tuple[Constraint, ...] = ()
    optional: bool = False
    default: str | None = None
    catch_all: bool = False

    @property
    def may_be_absent(self) -> bool:
        """Whether a path may end before this segment."""
        return self.optional or self.catch_all or self.default is not None

    @property
    def precedence(self) -> int:
        """ASP.NET's order, most specific first: literal, constrained parameter, parameter, catch-all."""
        if self.literal is not None:
            return 1
        return (5 if self.catch_all else 3) - bool(self.constraints)

    def accepts(self, text: str) -> bool:
        """Tell whether a non-empty path segment fits."""
        if self.literal is not None:
            return text.lower() == self.literal
        return all(constraint(text) for constraint in self.constraints)

    def meets(self, other: Segment) -> bool:
        """Tell whether some text may fit both; two parameters count as meeting."""
        if self.literal is not None:
            return other.accepts(self.literal)
        return other.literal is None or self.accepts(other.literal)


def parse_template(template: str) -> tuple[Segment, ...]:
    """Return a template's segments.

    Raises:
        ValueError: ASP.NET would refuse it, or a segment mixes text and parameters, which devhost
            does not do.
    """
    if template.startswith(("/", "~")):
        raise ValueError("a route can't start with '/' or '~'")
    segments = tuple(_segment(text) for text in _split(template))
    names = [segment.name.lower() for segment in segments if segment.name]
    if len(set(names)) < len(names):
        raise ValueError("a parameter appears twice")
    if any(segment.optional or segment.catch_all for segment in segments[:-1]):
        raise ValueError("only the last segment may be optional or a catch-all")
    return segments


def _split(template: str) -> Iterator[str]:
    """Split at slashes outside of braces: a regex constraint may hold slashes."""
    depth, start = 0, 0
    for position, character in enumerate(template):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "/" and depth == 0:
            yield template[start:position]
            start = position + 1
    if start < len(template):
        yield template[start:]


def _segment(text: str) -> Segment:
    if "{" not in text and "}" not in text and text:
        return Segment(literal=text.lower())
    match = _PARAMETER.fullmatch(text)
    if match is None:
        raise ValueError(f"the segment {text!r} is neither text nor one parameter")
    constraints = (make_constraint(*found.groups()) for found in _CONSTRAINT.finditer(match["constraints"]))
    return Segment(
        name=match["name"],
        constraints=tuple(constraints),
        optional=match["optional"] is not None,
        default=match["default"],
        catch_all=bool(match["stars"]),
    )
