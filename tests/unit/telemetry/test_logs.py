"""Structured logs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from shared.domain.errors import UnavailableError
from shared.telemetry.logs import LOGGER_NAME, add_to_log_context, configure_logging, get_logger, log_context


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    logger = logging.getLogger(LOGGER_NAME)
    before = (logger.handlers, logger.level, logger.propagate)
    stream = io.StringIO()
    configure_logging("info", stream)
    yield stream
    logger.handlers, logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


def parsed(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.usefixtures("lines")
def test_a_hosts_handler_gets_whole_lines(caplog: pytest.LogCaptureFixture) -> None:
    """Its message is the JSON line, its level the record's; an error's stack stands in the line only."""
    configure_logging("info", through_host=True)
    get_logger("sync").error("Failed", exc_info=UnavailableError("down"))
    get_logger("sync").debug("not asked for")

    (record,) = caplog.records
    assert (record.levelname, record.name, record.exc_info) == ("ERROR", "castiel.sync", None)
    assert json.loads(record.getMessage())["error"]["message"] == "down"


def test_a_line_has_the_guides_format(lines: io.StringIO) -> None:
    """Timestamp, level, message, context and metadata (guide, "Structured Logging Format")."""
    with log_context(tenant_id="acme", request_id="r1", integration_id=None):
        get_logger("sync").warning("Slow", extra={"metadata": {"seconds": 3}})
    (entry,) = parsed(lines)
    assert entry.pop("timestamp").endswith("+00:00")
    assert entry == {
        "level": "warn",
        "message": "Slow",
        "context": {"operation": "sync", "tenantId": "acme", "requestId": "r1"},
        "metadata": {"seconds": 3},
    }


def test_an_error_has_its_code_and_stack(lines: io.StringIO) -> None:
    """The code is the one that callers see too."""
    get_logger("sync").error("Failed", exc_info=UnavailableError("down"))
    (entry,) = parsed(lines)
    assert (entry["level"], entry["error"]["code"], entry["error"]["message"]) == (
        "error",
        "unavailable",
        "down",
    )
    assert "UnavailableError" in entry["error"]["stack"]


def test_an_error_of_a_provider_says_so(lines: io.StringIO) -> None:
    """Alerts tell a customer's broken connection from our own services by it."""
    get_logger("sync").error("Failed", exc_info=UnavailableError("down").of_provider())
    get_logger("sync").error("Failed", exc_info=UnavailableError("ours is down"))
    assert [entry["error"].get("source") for entry in parsed(lines)] == ["provider", None]


def test_context_ends_with_its_block(lines: io.StringIO) -> None:
    """Inner blocks add to outer ones, and nothing leaks out."""
    log = get_logger("sync")
    with log_context(tenant_id="acme"):
        with log_context(operation="inner"):
            log.info("in")
        log.info("out")
    log.info("after")
    assert [entry["context"] for entry in parsed(lines)] == [
        {"operation": "inner", "tenantId": "acme"},
        {"operation": "sync", "tenantId": "acme"},
        {"operation": "sync"},
    ]


def test_what_json_can_not_hold_does_not_break_a_line(lines: io.StringIO) -> None:
    """A log call never raises."""
    get_logger("sync").info("Odd", extra={"metadata": {"value": object()}})
    assert parsed(lines)[0]["message"] == "Odd"


def test_what_is_known_later_joins_the_open_block(lines: io.StringIO) -> None:
    """It ends with the block, and does not leak into the next piece of work."""
    with log_context(tenant_id="acme"):
        add_to_log_context(provider_id="kinto")
        get_logger("sync").info("inside")
    get_logger("sync").info("outside")
    inside, outside = parsed(lines)
    assert inside["context"] == {"operation": "sync", "tenantId": "acme", "providerId": "kinto"}
    assert outside["context"] == {"operation": "sync"}
