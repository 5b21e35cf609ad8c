"""A Gmail message as a record: its MIME parts decoded into text, its headers by their names.

Shapes: https://developers.google.com/workspace/gmail/api/reference/rest/v1/users.messages#Message
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.message import Message
from typing import Any

MAX_PARTS = 1_000
"""Of one message, attachments and nested messages counted; people's mail has a dozen."""

_ENVELOPE = ("payload", "raw")


def gmail_message(value: Any) -> list[dict[str, Any]]:
    """Return a list of one record for the answer of `users.messages.get` with `format=full`.

    The record is the message without its payload, and with `headers` (by small names; of several with one
    name the first), `text` and `html` (the first body of each kind that is no attachment; None without one),
    and `attachments` (file names).

    Raises:
        ValueError: The answer is no such message.
    """
    if not isinstance(value, dict) or not isinstance(value.get("payload"), dict):
        raise ValueError("it has no payload; ask for it with `format: full`")  # noqa: TRY004 - all values are refused alike
    parts = list(_parts(value["payload"]))
    files = [name for part in parts if (name := _text_of(part.get("filename")))]
    bodies = [part for part in parts if not _text_of(part.get("filename"))]
    record = {key: inner for key, inner in value.items() if key not in _ENVELOPE}
    return [
        {
            **record,
            "headers": _headers(value["payload"]),
            "text": _body(bodies, "text/plain"),
            "html": _body(bodies, "text/html"),
            "attachments": files,
        }
    ]


def _parts(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a message's parts in their order, containers too."""
    waiting: list[Any] = [payload]
    for _ in range(MAX_PARTS):
        if not waiting:
            return
        part = waiting.pop()
        if not isinstance(part, dict):
            raise ValueError("one of its parts is no object")  # noqa: TRY004 - the same
        yield part
        waiting += reversed(part.get("parts") or [])
    raise ValueError(f"it has more than {MAX_PARTS} parts")


def _headers(part: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for header in part.get("headers") or []:
        found.setdefault(str(header["name"]).lower(), str(header["value"]))
    return found


def _body(parts: list[Mapping[str, Any]], kind: str) -> str | None:
    for part in parts:
        data = (part.get("body") or {}).get("data")
        if part.get("mimeType") == kind and isinstance(data, str):
            return _decoded(data, _charset(part))
    return None


def _decoded(data: str, charset: str) -> str:
    """Decode base64 of the URL alphabet, which Gmail writes with or without its padding."""
    try:
        content = base64.urlsafe_b64decode(re.sub(r"[\s=]", "", data) + "==")
    except binascii.Error:
        raise ValueError("a part's data is no base64") from None
    for name in ("utf-8", charset) if not content.isascii() else (charset,):
        # What is UTF-8 is hardly anything else, whatever its header says; the ASCII of ISO-2022 may be.
        with suppress(UnicodeDecodeError, LookupError):
            return content.decode(name)
    return content.decode(errors="replace")


def _charset(part: Mapping[str, Any]) -> str:
    message = Message()
    message["Content-Type"] = " ".join(_headers(part).get("content-type", "text/plain").split())
    return message.get_content_charset("utf-8")


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else ""
