"""Who holds a session."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tests.doubles.servicebus.conditions import (
    SESSION_CANNOT_BE_LOCKED,
    SESSION_LOCK_LOST,
    TIMEOUT,
    RefusedError,
)
from tests.doubles.servicebus.messages import Message
from tests.doubles.servicebus.timeline import Timer

if TYPE_CHECKING:
    from tests.doubles.servicebus.links import Link
    from tests.doubles.servicebus.queues import BrokerQueue


@dataclass(slots=True, eq=False)
class Group:
    """What one lock covers: a session, or a whole queue without sessions (which nobody holds)."""

    session_id: str | None
    ready: list[tuple[int, Message]] = field(default_factory=list)
    link: Link | None = None
    until: int = 0
    timer: Timer | None = None


def first_waiting(queue: BrokerQueue) -> Group | None:
    """Return the unheld session whose first message has waited longest."""
    for group in queue.groups.values():
        group.ready = sorted(entry for entry in group.ready if entry[0] in queue.messages)
    free = [group for group in queue.groups.values() if group.ready and not group.link]
    return min(free, key=lambda group: group.ready[0], default=None)


def lock_session(queue: BrokerQueue, group: Group, link: Link) -> None:
    group.link, link.group = link, group
    renew_session(queue, group)
    queue.count("sessions")


def renew_session(queue: BrokerQueue, group: Group) -> None:
    """Lock a session, and what is in hand of it, for another period."""
    if group.timer:
        group.timer.cancel()
    group.until = queue.lock_end()
    group.timer = queue.timeline.call_at(group.until, partial(_expire, queue, group))
    for message in queue.locked_by(held_link(group)):
        if message.lock:
            message.lock.until = group.until


def held_link(group: Group) -> Link:
    """Return who holds a session."""
    if group.link is None:
        raise RefusedError(SESSION_LOCK_LOST, "The session lock has expired.")
    return group.link


def release_session(queue: BrokerQueue, group: Group, *, counts: bool) -> None:
    """Let others have a session and what was in hand of it."""
    link = held_link(group)
    group.link = link.group = None
    if group.timer:
        group.timer.cancel()
    for message in queue.locked_by(link):
        queue.unlock(message, counts=counts)
    queue.plan_pump()


def _expire(queue: BrokerQueue, group: Group) -> None:
    if link := group.link:
        release_session(queue, group, counts=True)
        link.close(RefusedError(SESSION_LOCK_LOST, "The session lock has expired. Accept a new session."))


def ask_for_session(queue: BrokerQueue, link: Link, wanted: str | None, timeout: int) -> None:
    """Give a link a session: the one it names, or the next that is free within `timeout` milliseconds."""
    if wanted is not None:
        if queue.group(wanted).link:
            raise RefusedError(SESSION_CANNOT_BE_LOCKED, "The requested session cannot be accepted.")
        _grant(queue, link, None, queue.group(wanted))
        return
    timer = Timer(lambda: None)
    grant = partial(_grant, queue, link, timer)

    def give_up() -> None:
        if grant in queue.waiting and not timer.cancelled:
            queue.waiting.remove(grant)
            link.refuse(RefusedError(TIMEOUT, "There is no unlocked session with messages."))

    # In real time even when the clock stands still: the client waits by its own clock.
    link.call_later(timeout / 1000, give_up)
    queue.waiting.append(grant)
    queue.plan_pump()


def _grant(queue: BrokerQueue, link: Link, timer: Timer | None, group: Group) -> None:
    if timer:
        timer.cancel()
    if not link.open:
        queue.plan_pump()
        return
    lock_session(queue, group, link)
    link.accept_session(group)
