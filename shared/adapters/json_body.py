"""JSON from strangers: only UTF-8, only so deep, only so many values, each key once."""

from __future__ import annotations

import json
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
_NOT_STRUCTURE = bytes(set(range(256)) - set(b"[]{}:"))
_BLANKS = b" \t\n\r"
_NESTING = frozenset({dict, list})
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


class NotJsonError(ValueError):
    """A body that can't be taken; the message says why, as the end of a sentence. It holds nothing of it.

    Attributes:
        shows: The part of the body to look at; None for its beginning.
    """

    def __init__(self, message: str, shows: str | None = None) -> None:
        super().__init__(message)
        self.shows = shows


def parse_json(body: bytes, content_type: str) -> Any:
    """Parse a body.

    Whole numbers over 64 bits become floats, as in most languages.

    Args:
        body: JSON in UTF-8 (RFC 8259, 8.1).
        content_type: The header; a charset in it counts only where the body is not ASCII, because servers
            name one without looking.

    Raises:
        NotJsonError: Empty, another encoding, nested deeper than 64 levels, too many values, a key twice
            in one object, or no JSON at all.
    """
    if not body:
        raise NotJsonError("an empty body")
    _require_few(body)
    _require_utf8(body, content_type)
    text = body.removeprefix(_BYTE_ORDER_MARK)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if error.msg.startswith("depth limit"):  # orjson's own, 1024
            raise NotJsonError(_TOO_DEEP) from None
        raise NotJsonError(f"something other than JSON ({content_type})") from None
    _require_sound(text, value)
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


def _require_sound(body: bytes, value: Any) -> None:
    """Refuse deep nesting, and keys that come twice: these have a colon each, and one value in all."""
    structure = body.translate(None, _NOT_STRUCTURE)
    opened = len(structure.translate(None, b":]}"))
    keys = _keys_in(value, opened)
    colons = len(structure.translate(None, b"[]{}"))
    # Colons stand in texts as well, such as URLs; few are behind a quote, and then each key is looked at.
    if colons > keys and body.translate(None, _BLANKS).count(b'":') > keys:
        _require_distinct(body)


def _keys_in(value: Any, opened: int) -> int:
    """Count the keys of all objects, level by level, until there can be no more objects.

    Args:
        value: What was parsed.
        opened: How many brackets open in its text, at least.
    """
    keys = 0
    level = [value] if type(value) in _NESTING else []
    for _ in range(MAX_DEPTH):
        keys += sum(len(each) for each in level if type(each) is dict)
        opened -= len(level)
        if not opened:
            return keys
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _NESTING
        ]
    if level:
        raise NotJsonError(_TOO_DEEP)
    return keys


def _require_distinct(body: bytes) -> None:
    """Look at each object of a body that is known to be JSON. Slow: Python is called for each."""
    text = body.decode()
    try:
        json.loads(text, object_pairs_hook=_distinct, parse_int=len, parse_float=len)
    except RecursionError:  # in a value that another one for its key has displaced
        raise NotJsonError(_TOO_DEEP) from None


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotJsonError("JSON that has the same key twice in one object", shows=twice)
