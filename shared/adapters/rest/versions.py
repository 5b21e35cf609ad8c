"""Versions and keys of records, in the place where a request has them."""

from __future__ import annotations

from datetime import UTC, datetime

from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.record_requests import Condition, Place
from shared.domain.errors import RecordConflictError


def put(place: Place, value: str | int, draft: Draft) -> None:
    """Add a value to a request; numbers stay numbers in a JSON body."""
    if place.header is not None:
        draft.headers[place.header] = str(value)
    else:
        draft.put(place.location, place.parameter or "", value)


def written(version: str | int, condition: Condition) -> str | int:
    """Return a version as a condition sends it.

    Raises:
        RecordConflictError: It is no time, where the document says that it is one.
    """
    if condition.format:
        version = _moment(version).astimezone(UTC).strftime(condition.format)
    return f'"{version}"' if condition.quoted else version


def _moment(version: str | int) -> datetime:
    try:
        moment = datetime.fromisoformat(str(version))
    except ValueError:
        raise RecordConflictError(
            "The known version is not a time, as the provider's document says; read the record again."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
