"""Runs timer functions by their schedules."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import datetime

from azure.functions.meta import Datum

from devhost.errors import InvocationError
from devhost.indexing import LocalFunction
from devhost.invocation import Invoker
from devhost.schedules import Schedule
from devhost.tasks import TaskSet
from shared.ports.clock import Clock

_LONGEST_SLEEP_SECONDS = 60.0
"""A laptop's sleep stops the timers of the event loop, so the clock on the wall is looked at this often."""


class TimerListener:
    """One timer function. Its runs never overlap: neither scheduled ones nor those of `run_now`."""

    def __init__(
        self,
        function: LocalFunction,
        schedule: Schedule,
        invoker: Invoker,
        clock: Clock,
        *,
        run_on_startup: bool,
    ) -> None:
        self._function = function
        self._schedule = schedule
        self._invoker = invoker
        self._clock = clock
        self._run_on_startup = run_on_startup
        self._runs = TaskSet()
        self._running = asyncio.Lock()
        self._last: datetime | None = None

    async def run(self) -> None:
        """Run by the schedule until cancelled; the run in hand then goes on until `stop`."""
        if self._run_on_startup:
            await self._run_to_the_end(past_due=False)
        while True:
            due = self._schedule.next_after(self._clock.now())
            while (wait := (due - self._clock.now()).total_seconds()) > 0:
                await self._clock.sleep(min(wait, _LONGEST_SLEEP_SECONDS))
            await self._run_to_the_end(past_due=self._clock.now() >= self._schedule.next_after(due))

    def run_now(self) -> None:
        """Start a run beside the schedule, after the one in hand if there is one."""
        self._runs.spawn(self._run_once(past_due=False))

    async def stop(self, grace_seconds: float) -> None:
        """Let the runs in hand finish within `grace_seconds`, then cancel them."""
        await self._runs.finish(grace_seconds)

    async def _run_to_the_end(self, *, past_due: bool) -> None:
        self._runs.spawn(self._run_once(past_due=past_due))
        await self._runs.wait_until_below(1)

    async def _run_once(self, *, past_due: bool) -> None:
        async with self._running:
            data = self._datum(past_due=past_due)
            self._last = self._clock.now()
            with suppress(InvocationError):
                await self._invoker.invoke(self._function, data, {})

    def _datum(self, *, past_due: bool) -> Datum:
        """Return the host's TimerInfo. Due means missed: the next time after the due one has come as well."""
        now = self._clock.now()
        status = {
            "Last": (self._last or now).isoformat(),
            "Next": self._schedule.next_after(now).isoformat(),
            "LastUpdated": (self._last or now).isoformat(),
        }
        info = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past_due}
        return Datum(json.dumps(info), "json")
