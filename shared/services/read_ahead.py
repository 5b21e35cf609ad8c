"""Pages that one step has asked for and left to the next, where both are handled by this process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from shared.ports.adapter import Adapter, FetchRequest, SourcePage
from shared.ports.clock import Clock

KEPT_SECONDS = 60.0
"""A page is forgotten when any run comes after this time: a follow-up message usually takes milliseconds."""


@dataclass(frozen=True, slots=True)
class _Kept:
    request: FetchRequest
    fetch: asyncio.Task[SourcePage]
    adapter: Adapter
    until: float


class ReadAhead:
    """The page on its way, by the run that it belongs to.

    Pages are only read, and the checkpoint alone says which one is next, so that forgetting one costs a
    request and nothing else. With many processes most would be fetched for nothing, because the follow-up
    comes to another one: `capacity` is 0 there.

    Args:
        clock: Time.
        capacity: So many runs at most; the oldest page makes room.
    """

    def __init__(self, clock: Clock, capacity: int) -> None:
        self._clock = clock
        self.capacity = capacity
        self._kept: dict[str, _Kept] = {}

    async def keep(
        self, run: str, request: FetchRequest, fetch: asyncio.Task[SourcePage], adapter: Adapter
    ) -> None:
        """Take over a fetch that is under way, and its adapter."""
        await self.forget(run)
        await self._forget_outdated()
        if len(self._kept) >= self.capacity:
            await self.forget(next(iter(self._kept)))
        self._kept[run] = _Kept(request, fetch, adapter, self._clock.monotonic() + KEPT_SECONDS)

    async def take(self, run: str, request: FetchRequest) -> SourcePage | None:
        """Return the page for a request if it was kept for this run, else None.

        Raises:
            RetryableError, StopError: As the adapter raised them.
        """
        await self._forget_outdated()
        kept = self._kept.get(run)
        if kept is None or kept.request != request:
            return None
        try:
            return await kept.fetch
        finally:
            await self.forget(run)

    async def close(self) -> None:
        """Forget everything. Idempotent."""
        for run in list(self._kept):
            await self.forget(run)

    async def forget(self, run: str) -> None:
        """Give up the page of a run, if there is one: nobody will ask for it. Idempotent."""
        kept = self._kept.pop(run, None)
        if kept:
            kept.fetch.cancel()
            await asyncio.gather(kept.fetch, return_exceptions=True)
            await kept.adapter.close()

    async def _forget_outdated(self) -> None:
        now = self._clock.monotonic()
        for run in [run for run, kept in self._kept.items() if now > kept.until]:
            await self.forget(run)
