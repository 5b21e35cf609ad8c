"""The tables of the embedded queue's file, and how its columns read as Python values."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from shared.domain.errors import ConfigurationError
from shared.ports.queue import PropertyValue, ReceivedMessage

SCHEMA_VERSION = 1

SCHEDULED, WAITING, LOCKED = 0, 1, 2
"""Values of `messages.state`. SQL repeats the digits: a partial index serves literals only."""

SECOND = 1_000_000
"""In microseconds, the unit of the time columns."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# `deadline` is when time itself changes the row: a scheduled message becomes due, a waiting one expires, a
# lock runs out. One index serves all three. The body stands last: other columns are read without it.
_SCHEMA = """
CREATE TABLE messages (
    sequence INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    dead INTEGER NOT NULL DEFAULT 0,
    state INTEGER NOT NULL,
    deadline INTEGER,
    lock_token TEXT,
    delivery_count INTEGER NOT NULL DEFAULT 0,
    message_id TEXT NOT NULL,
    session_id TEXT,
    enqueued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    dead_letter_reason TEXT,
    dead_letter_description TEXT,
    properties TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX messages_by_state ON messages (queue, dead, state, sequence);
CREATE INDEX messages_by_session ON messages (queue, session_id, sequence)
    WHERE state = 1 AND dead = 0 AND session_id IS NOT NULL;
CREATE INDEX messages_by_deadline ON messages (deadline) WHERE deadline IS NOT NULL;
CREATE TABLE sessions (
    queue TEXT NOT NULL,
    session_id TEXT NOT NULL,
    holder INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    PRIMARY KEY (queue, session_id)
) WITHOUT ROWID;
CREATE TABLE recent_ids (
    queue TEXT NOT NULL,
    message_id TEXT NOT NULL,
    forget_at INTEGER NOT NULL,
    PRIMARY KEY (queue, message_id)
) WITHOUT ROWID;
CREATE INDEX recent_ids_by_age ON recent_ids (forget_at);
CREATE TABLE counter (last_sequence INTEGER NOT NULL);
INSERT INTO counter VALUES (0);
"""


class Place(NamedTuple):
    """Where messages lie: a queue, or its dead-letter sub-queue; the columns `queue` and `dead`."""

    queue: str
    dead: bool


def to_micros(moment: datetime) -> int:
    """Return microseconds since 1970, exactly: what the time columns hold."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the UTC time of a time column."""
    return _EPOCH + micros * _MICROSECOND


def to_message(row: sqlite3.Row) -> ReceivedMessage:
    """Return a locked row of `messages` as its receiver sees it."""
    properties: dict[str, PropertyValue] = json.loads(row["properties"])
    if row["dead"]:
        # Service Bus tells the reason in application properties too, and triggers find it only there.
        properties["DeadLetterReason"] = row["dead_letter_reason"]
        properties["DeadLetterErrorDescription"] = row["dead_letter_description"]
    return ReceivedMessage(
        body=row["body"],
        message_id=row["message_id"],
        session_id=row["session_id"],
        properties=properties,
        sequence_number=row["sequence"],
        delivery_count=row["delivery_count"],
        enqueued_at=from_micros(row["enqueued_at"]),
        expires_at=from_micros(row["expires_at"]),
        locked_until=from_micros(row["deadline"]),
        lock_token=row["lock_token"],
        dead_letter_reason=row["dead_letter_reason"],
        dead_letter_description=row["dead_letter_description"],
    )


def create_tables(connection: sqlite3.Connection) -> None:
    """Create the tables in a new file, in the caller's transaction.

    Raises:
        ConfigurationError: Another version of this app wrote the file.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == SCHEMA_VERSION:
        return
    if version != 0:
        raise ConfigurationError(
            f"The queue file has schema version {version} and this app reads {SCHEMA_VERSION}: "
            "start the version of the app that wrote it, or begin with a new file"
        )
    # One by one, because `executescript` would commit the caller's transaction first.
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
