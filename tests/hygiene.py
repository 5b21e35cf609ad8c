"""A plugin of pytest that looks for the tests' secrets wherever they don't belong.

In each process of a run: log records, the texts of the app's errors, what the doubles of Cosmos DB and
Service Bus are sent, and what the API answers; the test in which one is found fails. At the end of the run:
every file in its temporary folder, such as stores, archives and other processes' logs; it fails the run.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.domain.errors import IntegrationError
from shared.telemetry.logs import LOGGER_NAME
from tests.doubles.observed import observers, saw
from tests.secret_search import files_with_secrets, holds_secret
from tests.secrets_used import MARK

_LONGEST = 500
_found: list[str] = []
_FILES = pytest.StashKey[list[Path]]()


def _look(where: str, content: bytes) -> None:
    if holds_secret(content):
        text = content.decode(errors="replace").replace(MARK, "***")
        _found.append(f"{where}: {text[:_LONGEST]}")


def _watch_logs() -> None:
    """See each record as a handler gets it, whatever handlers there are."""
    handle = logging.Logger.handle

    def watched(self: logging.Logger, record: logging.LogRecord) -> None:
        texts = [record.getMessage(), repr(record.__dict__)]
        if record.exc_info and record.exc_info[1]:
            texts += traceback.format_exception(record.exc_info[1])
        saw(f"a log record of {record.name}", "\n".join(texts).encode(errors="replace"))
        handle(self, record)

    logging.Logger.handle = watched  # type: ignore[method-assign]
    logging.getLogger(LOGGER_NAME).setLevel(logging.DEBUG)


def _watch_errors() -> None:
    """See what each error of the app is made of, whether or not anybody reads it."""
    begin = IntegrationError.__init__

    def watched(self: IntegrationError, *arguments: Any) -> None:
        begin(self, *arguments)
        saw(f"a {type(self).__name__}", repr(arguments).encode(errors="replace"))

    IntegrationError.__init__ = watched  # type: ignore[assignment, method-assign]


def pytest_configure() -> None:
    observers.append(_look)
    _watch_logs()
    _watch_errors()


@pytest.fixture(autouse=True)
def _no_secret_gets_out() -> Iterator[None]:
    _found.clear()
    yield
    found = _found[:]
    _found.clear()
    assert not found, f"A secret got out. {found}"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workerinput"):
        return  # the process that started this one looks
    folder: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    files = list(files_with_secrets(folder))
    config.stash[_FILES] = files
    if files:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for file in terminalreporter.config.stash.get(_FILES, []):
        terminalreporter.write_line(f"A secret got out. It is in {file}", red=True)
