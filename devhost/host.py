"""Puts the host together: listeners for every function, started and stopped as one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from devhost.backoff import Backoff
from devhost.errors import StartupError
from devhost.host_json import HostSettings
from devhost.http_server import HttpServer
from devhost.indexing import LocalFunction, QueueTrigger, TimerTrigger
from devhost.invocation import Invoker
from devhost.keys import Keys
from devhost.lock_renewal import LockRenewal
from devhost.message_handler import MessageHandler
from devhost.schedules import parse_schedule
from devhost.service_bus import QueueListener, SessionListener
from devhost.timers import TimerListener
from shared.ports.clock import Clock
from shared.ports.queue import MessageSource

_logger = logging.getLogger("devhost")

SourceFactory: TypeAlias = Callable[[], Awaitable[MessageSource]]


class _Listener(Protocol):
    async def run(self) -> None:
        """Take work until cancelled."""
        ...

    async def stop(self, grace_seconds: float) -> None:
        """Finish what is in hand."""
        ...


class Host:
    """Serves an app's functions.

    Args:
        functions: What `index` returned.
        settings: The app's host.json.
        keys: Open functions that are not anonymous.
        open_source: Gives the message source; called once, at the start, and only if a function needs it.
        clock: Time for timers, lock renewal and pauses.
        random: Returns numbers from 0 up to 1; spreads pauses and renewals.

    Raises:
        StartupError: A route or a schedule is wrong; the message names them all.
    """

    def __init__(
        self,
        functions: Sequence[LocalFunction],
        settings: HostSettings,
        keys: Keys,
        open_source: SourceFactory,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self._functions = functions
        self._settings = settings
        self._open_source = open_source
        self._clock = clock
        self._random = random
        self._invoker = Invoker(settings.function_timeout_seconds, clock)
        self._timers = _timers(functions, self._invoker, clock)
        prefix = settings.extensions.http.route_prefix
        self._http = HttpServer(functions, self._timers, self._invoker, keys, prefix)
        self._listeners: list[_Listener] = []
        self._running: list[asyncio.Task[None]] = []

    async def start(self, address: str, port: int, grace_seconds: float) -> str:
        """Listen for requests, then run timers and receive messages; return the URL.

        Raises:
            StartupError: The address can't be used.
        """
        url = await self._http.start(address, port, grace_seconds)
        self._listeners = [*self._timers.values(), *await self._queue_listeners()]
        self._running = [asyncio.create_task(listener.run()) for listener in self._listeners]
        return url

    async def serve_until(self, stop: asyncio.Event) -> None:
        """Return once `stop` is set; raise what ended a listener before that, for listeners never end."""
        stopped = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([stopped, *self._running], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
        finally:
            stopped.cancel()

    async def stop(self, grace_seconds: float) -> bool:
        """Take nothing new, finish what is in hand, cancel it after `grace_seconds`.

        Returns:
            Whether functions still run on threads: only the end of the process stops them.
        """
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await asyncio.gather(
            self._http.stop(), *(listener.stop(grace_seconds) for listener in self._listeners)
        )
        return self._invoker.close()

    async def _queue_listeners(self) -> list[_Listener]:
        triggered = [(function, function.trigger) for function in self._functions]
        queues = [(function, trigger) for function, trigger in triggered if isinstance(trigger, QueueTrigger)]
        if not queues:
            return []
        source = await self._open_source()
        return [self._queue_listener(function, trigger, source) for function, trigger in queues]

    def _queue_listener(
        self, function: LocalFunction, trigger: QueueTrigger, source: MessageSource
    ) -> _Listener:
        settings = self._settings.extensions.service_bus
        renewal = LockRenewal(settings.max_auto_lock_renewal_seconds, self._clock, self._random)
        handler = MessageHandler(function, self._invoker, renewal)
        backoff = Backoff(self._clock, self._random)
        if trigger.sessions and not trigger.dead_letter:  # a dead-letter sub-queue has no sessions
            sessions, idle = settings.max_concurrent_sessions, settings.session_idle_seconds
            return SessionListener(trigger, source, handler, backoff, sessions, idle)
        return QueueListener(trigger, source, handler, backoff, settings.max_concurrent_calls)


def _timers(functions: Iterable[LocalFunction], invoker: Invoker, clock: Clock) -> dict[str, TimerListener]:
    timers, problems = {}, []
    for function in functions:
        if isinstance(function.trigger, TimerTrigger):
            try:
                schedule = parse_schedule(function.trigger.schedule)
            except ValueError as error:
                problems.append(f"function {function.name!r}: {error}")
                continue
            on_startup = function.trigger.run_on_startup
            timers[function.name.lower()] = TimerListener(
                function, schedule, invoker, clock, run_on_startup=on_startup
            )
    if problems:
        raise StartupError("\n".join(problems))
    return timers
