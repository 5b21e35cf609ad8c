"""JSON from strangers: only UTF-8, only so deep, only so many values."""

from __future__ import annotations

import re
from typing import Any

import orjson

MAX_DEPTH = 64
"""No API that we know nests deeper than a dozen levels; what reads records later recurses."""

MAX_VALUES = 2_000_000
"""Of one body, told by its commas and opening brackets, also those in texts; a list counts twice and an
object four times, by what they take in memory. `{},` is three bytes of JSON and 72 in memory: bytes alone
bound nothing.
"""

_TOO_DEEP = f"JSON nested deeper than {MAX_DEPTH} levels"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # which parsers may ignore (RFC 8259, 8.1)
_CHARSET = re.compile(r"charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NESTING = frozenset({dict, list})
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


class NotJsonError(ValueError):
    """A body that can't be taken; the message says why, as the end of a sentence. It holds nothing of it."""


def parse_json(body: bytes, content_type: str) -> Any:
    """Parse a body. Of several values for one key in an object, the last counts.

    Whole numbers over 64 bits become floats, as in most languages.

    Args:
        body: JSON in UTF-8 (RFC 8259, 8.1).
        content_type: The header; a charset in it counts only where the body is not ASCII, because servers
            name one without looking.

    Raises:
        NotJsonError: Empty, another encoding, nested deeper than 64 levels, too many values,
            or no JSON at all.
    """
    if not body:
        raise NotJsonError("an empty body")
    _require_few(body)
    _require_utf8(body, content_type)
    try:
        value = orjson.loads(body.removeprefix(_BYTE_ORDER_MARK))
    except orjson.JSONDecodeError as error:
        if error.msg.startswith("depth limit"):  # orjson's own, 1024
            raise NotJsonError(_TOO_DEEP) from None
        raise NotJsonError(f"something other than JSON ({content_type})") from None
    _require_shallow(body, value)
    return value


def _require_few(body: bytes) -> None:
    if len(body) <= MAX_VALUES:  # cheaper than to count
        return
    if body.count(b",") + 2 * body.count(b"[") + 4 * body.count(b"{") > MAX_VALUES:
        raise NotJsonError(f"more than {MAX_VALUES} values; ask for smaller pages")


def _require_utf8(body: bytes, content_type: str) -> None:
    if body.isascii():
        return
    charset = _CHARSET.search(content_type)
    if charset and charset[1].lower() not in _UTF_8:
        raise NotJsonError(f"JSON in {charset[1]}; only UTF-8 can be read")
    try:
        body.decode()
    except UnicodeDecodeError:
        raise NotJsonError("bytes that are not UTF-8, the only encoding of JSON") from None


def _require_shallow(body: bytes, value: Any) -> None:
    """Refuse deep nesting. Brackets alone tell fast; where some stand in texts, the value is walked."""
    brackets = body.translate(None, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH // 2):  # each round takes one level or two
        left = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(left) == len(brackets):
            break
        brackets = left
    if brackets and _is_deep(value):
        raise NotJsonError(_TOO_DEEP)


def _is_deep(value: Any) -> bool:
    level = [value] if type(value) in _NESTING else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _NESTING
        ]
    return bool(level)
