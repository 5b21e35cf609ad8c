"""Requests in the making: each part of a definition adds its parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from shared.adapters.rest.notation import Location


@dataclass(slots=True)
class Draft:
    """What a page's request has besides what the document fixes.

    Attributes:
        query: Parameters of the query, as text; a list is a parameter that comes several times.
        body: Values by their dotted path in the JSON body, or by their name in a form.
        headers: Besides the document's.
        target: Path and query of a page that the provider itself named; it takes the place of the whole URL.
    """

    query: dict[str, str | list[str]] = field(default_factory=dict)
    body: dict[str, str | int | list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    target: str | None = None

    def put(self, location: Location, name: str, value: str | int | list[str]) -> None:
        """Add a parameter."""
        if location == "query":
            self.query[name] = value if isinstance(value, list) else str(value)
        else:
            self.body[name] = value

    def added_to(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a copy of a JSON body with this draft's values in it."""
        for path, value in self.body.items():
            body = _with(body, path, value)
        return body


def _with(body: dict[str, Any], path: str, value: str | int | list[str]) -> dict[str, Any]:
    name, _, rest = path.partition(".")
    inner = body.get(name)
    return {**body, name: _with(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}
