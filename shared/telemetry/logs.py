"""Structured logs in the guide's format (guide, "Structured Logging Format"): one JSON object a line.

What belongs to a piece of work (tenant, integration, request id) is bound once with `log_context` and stands
in every line that is written under it.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

LOGGER_NAME = "castiel"

_LEVELS = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn"}
_context: ContextVar[dict[str, str]] = ContextVar("castiel_log_context", default={})  # noqa: B039 - never changed


def get_logger(area: str) -> logging.Logger:
    """Return the logger of one area of the app, such as `sync`.

    Details go into `extra={"metadata": {...}}`: values that JSON can hold, never secrets.
    """
    return logging.getLogger(f"{LOGGER_NAME}.{area}")


@contextmanager
def log_context(**values: str | None) -> Iterator[None]:
    """Bind fields such as tenant_id, integration_id, user_id, operation, request_id for a block."""
    bound = {_camel(name): value for name, value in values.items() if value is not None}
    token = _context.set({**_context.get(), **bound})
    try:
        yield
    finally:
        _context.reset(token)


def add_to_log_context(**values: str) -> None:
    """Bind further fields until the innermost open `log_context` ends: for what is only known by then."""
    _context.set({**_context.get(), **{_camel(name): value for name, value in values.items()}})


def configure_logging(level: str, stream: TextIO | None = None, *, through_host: bool = False) -> None:
    """Write the app's logs as JSON lines to one place.

    Args:
        level: The least severe level that is written.
        stream: Where to; standard error by default.
        through_host: Give the lines to the root logger's handlers instead, if it has any. The Functions
            worker has one, which sends them on with severity and invocation; what is on standard error need
            not become a trace.
    """
    of_host = through_host and stream is None and logging.getLogger().handlers
    handler = _HostHandler() if of_host else logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger(LOGGER_NAME)
    logger.handlers = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


class _HostHandler(logging.Handler):
    """Hands a record on with its line as the whole message: the host's handler adds nothing to it."""

    def emit(self, record: logging.LogRecord) -> None:
        line = logging.LogRecord(
            record.name, record.levelno, record.pathname, record.lineno, self.format(record), None, None
        )
        logging.getLogger().handle(line)


class JsonFormatter(logging.Formatter):
    """Formats a record as the guide's LogEntry."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON."""
        entry: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": _LEVELS.get(record.levelno, "error"),
            "message": record.getMessage(),
            "context": {"operation": record.name.removeprefix(f"{LOGGER_NAME}."), **_context.get()},
        }
        if record.exc_info and record.exc_info[1]:
            entry["error"] = _error(record.exc_info[1])
        metadata = getattr(record, "metadata", None)
        if metadata:
            entry["metadata"] = metadata
        try:
            return orjson.dumps(entry, default=str).decode()
        except TypeError:  # a lone surrogate, a huge integer, a key that is no text: the line is worth more
            return json.dumps(entry, default=str, skipkeys=True)


def _error(error: BaseException) -> dict[str, str]:
    source = getattr(error, "source", None)
    return {
        "code": getattr(error, "code", type(error).__name__),
        "message": str(error),
        "stack": "".join(traceback.format_exception(error)),
        **({"source": source} if source else {}),
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
