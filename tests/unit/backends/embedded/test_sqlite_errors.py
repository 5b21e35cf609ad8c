from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from shared.backends.embedded.sqlite_errors import translate
from shared.domain.errors import ConfigurationError, IntegrationError, UnavailableError

UNAVAILABLE = {"BUSY", "LOCKED", "PROTOCOL", "INTERRUPT", "FULL", "IOERR", "NOMEM"}
CONFIGURATION = {"CORRUPT", "NOTADB", "FORMAT", "CANTOPEN", "READONLY", "PERM", "NOLFS"}
OUR_MISTAKES = {
    "ERROR", "INTERNAL", "ABORT", "NOTFOUND", "EMPTY", "SCHEMA", "TOOBIG", "CONSTRAINT", "MISMATCH", "MISUSE",
    "AUTH", "RANGE",
}  # fmt: skip
NO_ERRORS = {"OK", "NOTICE", "WARNING", "ROW", "DONE"}

# The names of https://www.sqlite.org/rescode.html, out of the many constants that sqlite3 has.
EVERY_PRIMARY_CODE = UNAVAILABLE | CONFIGURATION | OUR_MISTAKES | NO_ERRORS


def failure(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    return error


def test_every_result_code_is_placed() -> None:
    """SQLite's 28 error codes and the 3 that are none are all spoken for."""
    codes = {getattr(sqlite3, f"SQLITE_{name}") for name in EVERY_PRIMARY_CODE}

    assert set(range(29)) <= codes


@pytest.mark.parametrize(
    ("names", "kind"), [(UNAVAILABLE, UnavailableError), (CONFIGURATION, ConfigurationError)]
)
def test_foreign_trouble_has_a_type_of_ours(names: set[str], kind: type[IntegrationError]) -> None:
    """What passes is unavailable, what somebody must mend is configuration; extended codes count too."""
    for name in names:
        code = getattr(sqlite3, f"SQLITE_{name}")
        for exact in (code, code | 3 << 8):
            error = translate(failure(exact), Path("/data/documents.db"))
            assert type(error) is kind
            assert "/data/documents.db" in str(error)


def test_our_own_mistakes_stay_visible() -> None:
    """Wrong SQL, broken constraints and misuse come back as they are, and so does an error without a code."""
    for name in OUR_MISTAKES:
        error = failure(getattr(sqlite3, f"SQLITE_{name}"))
        assert translate(error, Path("x")) is error
    uncoded = sqlite3.ProgrammingError("misuse")
    assert translate(uncoded, Path("x")) is uncoded
