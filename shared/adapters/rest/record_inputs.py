"""What callers say about single records, checked before it goes out."""

from __future__ import annotations

import re

from shared.domain.errors import InvalidRequestError

LONGEST_ID = 1_000
LONGEST_TEXT = 1_000
MOST_RECORDS = 1_000
_KEY = re.compile(r"[!-~]{1,255}")


def require_id(external_id: str) -> str:
    """Return an id that stays one segment of a path: an empty one would be about all records."""
    if external_id in {"", ".", ".."} or len(external_id) > LONGEST_ID or not external_id.isprintable():
        raise InvalidRequestError(
            f"A record's id must have 1 to {LONGEST_ID} printable characters, and be neither `.` nor `..`."
        )
    return external_id


def require_key(key: str) -> str:
    """Return a key that can stand in a header."""
    if not _KEY.fullmatch(key):
        raise InvalidRequestError("An idempotency key must have 1 to 255 visible ASCII characters.")
    return key


def require_text(text: str) -> str:
    """Return what to search for."""
    if not text.strip() or len(text) > LONGEST_TEXT:
        raise InvalidRequestError(f"A search needs a text of 1 to {LONGEST_TEXT} characters.")
    return text


def require_limit(limit: int) -> int:
    """Return how many records to ask for."""
    if not 1 <= limit <= MOST_RECORDS:
        raise InvalidRequestError(f"A search returns 1 to {MOST_RECORDS} records.")
    return limit
