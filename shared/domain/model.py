"""The two kinds of pydantic models: what callers send, and what is stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer, StringConstraints
from pydantic.alias_generators import to_camel

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
"""An id that every backend takes as it is, in documents, paths and secret names' sources."""


def _to_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("give the time zone, as in 2026-01-31T12:00:00Z")
    return value.astimezone(UTC)


def rfc3339(value: datetime) -> str:
    """Write a UTC time with microseconds and `Z`: always the same width, so that text order is time order."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Timestamp = Annotated[
    datetime, AfterValidator(_to_utc), PlainSerializer(rfc3339, return_type=str, when_used="json")
]
"""A UTC time; RFC 3339 with microseconds on the wire and in documents."""


class WireModel(BaseModel):
    """JSON in camelCase, strict about names: a field that nobody reads is the sender's mistake."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        defer_build=True,
    )


class StoredModel(WireModel):
    """A document with the fields that every document has.

    Unknown fields are ignored when reading: a newer version of the app may have written them before a
    roll-back. `etag` is the store's and shown to callers, never part of the stored body.
    """

    model_config = ConfigDict(extra="ignore")

    id: Id
    schema_version: int = 1
    created_at: Timestamp
    updated_at: Timestamp
    etag: str | None = None

    def changed(self, **updates: object) -> Self:
        """Return a copy with other values. Names are those in Python."""
        return self.model_copy(update=updates)
