"""From pydantic's errors to ours."""

from __future__ import annotations

from pydantic import ValidationError

from shared.domain.errors import Problem


def to_problems(error: ValidationError) -> list[Problem]:
    """Return a problem for each field that did not validate. Never holds the offending value."""
    return [
        Problem(
            ".".join(str(part) for part in item["loc"]) or "(body)", item["msg"].removeprefix("Value error, ")
        )
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    ]
