"""Session locks in the queue's file: who may receive a session's messages."""

from __future__ import annotations

from typing import NamedTuple

from shared.backends.embedded.queue_ledger import QueueLedger
from shared.backends.embedded.queue_schema import Place
from shared.domain.errors import LeaseLostError

# The session whose oldest message has waited longest, so that a busy session can't keep the others out. The
# recursion steps from one session id to the next in the index, which skips a held session's long backlog.
_SELECT_NEXT = """
WITH RECURSIVE waiting (session_id) AS (
    SELECT min(session_id) FROM messages INDEXED BY messages_by_session
    WHERE queue = :queue AND state = 1 AND dead = 0 AND session_id IS NOT NULL
    UNION ALL
    SELECT (SELECT min(session_id) FROM messages INDEXED BY messages_by_session
            WHERE queue = :queue AND state = 1 AND dead = 0 AND session_id > waiting.session_id)
    FROM waiting WHERE waiting.session_id IS NOT NULL
)
SELECT session_id FROM waiting
WHERE session_id IS NOT NULL AND session_id NOT IN (SELECT session_id FROM sessions WHERE queue = :queue)
ORDER BY (SELECT min(sequence) FROM messages INDEXED BY messages_by_session
          WHERE queue = :queue AND state = 1 AND dead = 0 AND session_id = waiting.session_id)
LIMIT 1
"""

_SELECT_LOCKED = "SELECT locked_until FROM sessions WHERE queue = ? AND session_id = ? AND holder = ?"

_RENEW = "UPDATE sessions SET locked_until = ? WHERE queue = ? AND session_id = ? AND holder = ?"

_RELEASE = "DELETE FROM sessions WHERE queue = ? AND session_id = ? AND holder = ?"


class HeldSession(NamedTuple):
    """A session and the number of the one who holds it, which nobody else has while the process lives."""

    queue: str
    session_id: str
    holder: int


def take_next_session(ledger: QueueLedger, queue: str, holder: int) -> HeldSession | None:
    """Lock the session that has waited longest; None if none waits unheld."""
    found = ledger.execute(_SELECT_NEXT, {"queue": queue}).fetchone()
    if found is None:
        return None
    session = HeldSession(queue, found[0], holder)
    ledger.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", (*session, ledger.lock_end(queue)))
    return session


def session_locked_until(ledger: QueueLedger, session: HeldSession) -> int:
    """Return when the session's lock runs out.

    Raises:
        LeaseLostError: It has run out already.
    """
    found = ledger.execute(_SELECT_LOCKED, session).fetchone()
    if found is None:
        raise LeaseLostError(
            f"The lock of session {session.session_id!r} ran out: another receiver may have it"
        )
    until: int = found[0]
    return until


def renew_session(ledger: QueueLedger, session: HeldSession) -> int:
    """Lock the session for another period, and return its new end.

    Raises:
        LeaseLostError: The lock has run out already.
    """
    session_locked_until(ledger, session)
    until = ledger.lock_end(session.queue)
    ledger.execute(_RENEW, (until, *session))
    return until


def release_session(ledger: QueueLedger, session: HeldSession) -> None:
    """Let others have the session, if it is still held."""
    ledger.execute(_RELEASE, session)
    ledger.refilled.add(Place(session.queue, dead=False))
