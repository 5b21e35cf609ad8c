"""Turns: at most so many at work at once in a scope, and the others stand in line.

One document holds a scope's line, written on condition. Who has a turn may come again and again without a
write; who has had it for a while gives it up when others wait. A turn that is not given back runs out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.errors import AlreadyExistsError, LeaseHeldError, StaleWriteError
from shared.domain.model import Timestamp, WireModel, rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import DocumentStore, JsonObject

TURN_SECONDS = 900.0
"""How long a turn lasts without being used again: more than one step of a sync takes (10 minutes)."""

SLICE_SECONDS = 60.0
"""How long a turn may be kept while others wait: long beside most steps, short beside a person's patience."""

MAX_WAITING = 200
"""Who comes when so many wait is told to come again, so that the document stays small."""

_CONTAINER = "runtime-state"
_ID = "turns"
_TRIES = 50
_IDLE_SECONDS = 86_400


class Turn(WireModel):
    """A turn in use."""

    since: Timestamp
    until: Timestamp


class Waiting(WireModel):
    """One that waits: its name, and what to call it with."""

    key: str
    note: str


class Line(WireModel):
    """Who has a turn in a scope, and who waits, the first at the front."""

    holders: dict[str, Turn] = {}
    waiting: tuple[Waiting, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """What came of asking for a turn: whether it is there, and the notes of others whose turn came by it."""

    granted: bool
    called: Sequence[str] = ()


class Turns:
    """Turns in any number of scopes.

    Args:
        store: Where the lines are kept.
        clock: Time.
    """

    def __init__(self, store: DocumentStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def enter(self, scope: str, limit: int, key: str, note: str) -> Entry:
        """Ask for a turn, or for going on with it; without one, wait in line and be called.

        Asking again while waiting keeps the place. After `SLICE_SECONDS` a holder goes to the end.

        Args:
            scope: A tenant's id, or `system`.
            limit: How many may be at work at once.
            key: Names who asks.
            note: What the caller of `enter` or `leave` gets back when this one's turn comes.

        Raises:
            LeaseHeldError: Too many wait already, or write to the line; ask again later.
        """
        now = self._clock.now()
        line, called = await self._written(scope, lambda line: _asked(line, limit, key, note, now))
        return Entry(key in line.holders, called)

    async def leave(self, scope: str, limit: int, key: str) -> Sequence[str]:
        """Give a turn or a place in the line back; return the notes of those who are next. Idempotent.

        Raises:
            LeaseHeldError: Too many others write to the line.
        """
        now = self._clock.now()
        _, called = await self._written(scope, lambda line: _filled(_without(line, key), limit, now))
        return called

    async def _written(
        self, scope: str, change: Callable[[Line], tuple[Line, Sequence[str]]]
    ) -> tuple[Line, Sequence[str]]:
        """Write a change of the line, if it is one; again when others have written in between."""
        for _ in range(_TRIES):
            found = await self._store.get(_CONTAINER, (scope,), _ID)
            line = Line.model_validate(found.body, extra="ignore") if found else Line()
            changed, called = change(line)
            if changed == line:
                return line, ()
            body = self._body(scope, changed)
            with contextlib.suppress(StaleWriteError, AlreadyExistsError):
                await self._store.put(
                    _CONTAINER, body, if_match=found.etag if found else None, if_absent=found is None
                )
                return changed, called
        raise LeaseHeldError("Many ask for a turn at this moment.", retry_after_seconds=1)

    def _body(self, scope: str, line: Line) -> JsonObject:
        now = rfc3339(self._clock.now())
        return {
            "id": _ID,
            "scope": scope,
            "schemaVersion": 1,
            "updatedAt": now,
            "ttl": _IDLE_SECONDS,
            **line.model_dump(mode="json", by_alias=True),
        }


def _asked(line: Line, limit: int, key: str, note: str, now: datetime) -> tuple[Line, Sequence[str]]:
    line = _living(line, now)
    turn = line.holders.get(key)
    if turn and line.waiting and now - turn.since >= timedelta(seconds=SLICE_SECONDS):
        line = _without(line, key)
    elif turn:
        return _kept(line, key, turn, now), ()
    if all(one.key != key for one in line.waiting):
        if len(line.waiting) >= MAX_WAITING:
            raise LeaseHeldError("Too many wait for a turn.", retry_after_seconds=30)
        line = line.model_copy(update={"waiting": (*line.waiting, Waiting(key=key, note=note))})
    filled, called = _filled(line, limit, now)
    return filled, [other for other in called if other != note]


def _filled(line: Line, limit: int, now: datetime) -> tuple[Line, Sequence[str]]:
    """Give free turns to the first in line; return their notes."""
    line = _living(line, now)
    free = max(0, limit - len(line.holders))
    chosen, waiting = line.waiting[:free], line.waiting[free:]
    turn = Turn(since=now, until=now + timedelta(seconds=TURN_SECONDS))
    holders = {**line.holders, **{one.key: turn for one in chosen}}
    return Line(holders=holders, waiting=waiting), [one.note for one in chosen]


def _kept(line: Line, key: str, turn: Turn, now: datetime) -> Line:
    """Extend a turn once half of it is over: most steps need not write."""
    if turn.until - now > timedelta(seconds=TURN_SECONDS / 2):
        return line
    extended = turn.model_copy(update={"until": now + timedelta(seconds=TURN_SECONDS)})
    return line.model_copy(update={"holders": {**line.holders, key: extended}})


def _living(line: Line, now: datetime) -> Line:
    return line.model_copy(
        update={"holders": {key: turn for key, turn in line.holders.items() if turn.until > now}}
    )


def _without(line: Line, key: str) -> Line:
    return Line(
        holders={other: turn for other, turn in line.holders.items() if other != key},
        waiting=tuple(one for one in line.waiting if one.key != key),
    )
