"""Many writes of one partition as transactional batches.

A batch is applied whole or not at all (https://learn.microsoft.com/azure/cosmos-db/transactional-batch):
if one operation fails, the others report 424. Then the stored ETags of the whole batch are read at once, what
must fail gets its result, and the rest is sent again. So a batch costs one request, or two and a read; only
writes that race with somebody else's cost more.

A batch whose answer was lost may have been applied. It is not sent again: its creates would meet their own
documents. The caller gets UnavailableError, and reads before it writes anew, as after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.backends.azure.cosmos_batches import BatchFailed, Operation, Prepared, batches
from shared.backends.azure.cosmos_errors import THROTTLED, of_status
from shared.domain.errors import DocumentTooLargeError
from shared.ports.clock import Clock
from shared.ports.documents import WriteResult

ATTEMPTS = 4
"""How often a batch is sent that the service throttles, each time after the pause that it asks for."""

LONGEST_PAUSE_SECONDS = 10.0
"""A longer pause is the caller's to arrange."""

DEFAULT_PAUSE_SECONDS = 1.0

Send = Callable[[Sequence[Operation]], Awaitable[Sequence[str | None]]]
"""Applies a batch, all or nothing, and returns an ETag for each operation that wrote.

Raises BatchFailed if one operation failed.
"""

ReadEtags = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
"""Returns the ETags of those of the documents that exist."""


@dataclass(frozen=True, slots=True)
class BatchWriter:
    """Writes one partition's operations through a way to send a batch."""

    send: Send
    read_etags: ReadEtags
    clock: Clock

    async def write(self, prepared: Sequence[Prepared]) -> list[WriteResult]:
        """Return a result for each, in order. Batches run at the same time unless they share an id.

        Raises:
            RetryableError: A batch was not applied, or nobody knows; others may have been.
        """
        results: dict[int, WriteResult] = {
            number: item for number, item in enumerate(prepared) if isinstance(item, WriteResult)
        }
        operations = [item for item in prepared if isinstance(item, Operation)]
        work = [self._settle(batch, results) for batch in batches(operations)]
        if len({operation.id for operation in operations}) == len(operations):
            await _all(work)
        else:
            for one in work:
                await one
        return [results[number] for number in range(len(prepared))]

    async def _settle(self, batch: Sequence[Operation], results: dict[int, WriteResult]) -> None:
        """Send a batch until every operation has its result; each failure settles one of them or more."""
        pending = list(batch)
        while pending:
            try:
                etags = await self._send_patiently(pending)
            except DocumentTooLargeError:
                await self._divide(pending, results)
                return
            except BatchFailed as failed:
                results |= await self._failing(pending, failed)
                pending = [operation for operation in pending if operation.number not in results]
                continue
            results |= {
                operation.number: operation.done(etag) for operation, etag in zip(pending, etags, strict=True)
            }
            return

    async def _divide(self, batch: Sequence[Operation], results: dict[int, WriteResult]) -> None:
        """Send the halves of a batch that is too large; what is too large by itself stays unwritten."""
        if len(batch) == 1:
            results[batch[0].number] = WriteResult(batch[0].id, "too_large")
            return
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            await self._settle(half, results)

    async def _failing(self, batch: Sequence[Operation], failed: BatchFailed) -> dict[int, WriteResult]:
        """Return the results of what fails: the operation that did, and those that must, as stored now."""
        culprit = batch[failed.index]
        outcome = culprit.failure(failed.status)
        if outcome is None:
            raise of_status(failed.status)
        found = {culprit.number: WriteResult(culprit.id, outcome)}
        if len(batch) > 1:
            stored = await self.read_etags(list(dict.fromkeys(operation.id for operation in batch)))
            found = dict(_foreseen(batch, stored)) | found
        return found

    async def _send_patiently(self, batch: Sequence[Operation]) -> Sequence[str | None]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self.send(batch)
            except BatchFailed as failed:
                if failed.status != THROTTLED:
                    raise
                pause = failed.retry_after_seconds or DEFAULT_PAUSE_SECONDS
                if attempt == ATTEMPTS or pause > LONGEST_PAUSE_SECONDS:
                    raise of_status(THROTTLED, pause) from failed
            await self.clock.sleep(pause)
        raise AssertionError("unreachable")


def _foreseen(batch: Sequence[Operation], stored: Mapping[str, str]) -> Iterator[tuple[int, WriteResult]]:
    """Yield the results of those operations that must fail, if the stored ETags stay what they are."""
    written = object()  # an ETag that nobody can have yet
    state: dict[str, object] = dict(stored)
    for operation in batch:
        outcome = operation.refusal(state.get(operation.id))
        if outcome is not None:
            yield operation.number, WriteResult(operation.id, outcome)
        elif operation.removes:
            del state[operation.id]
        else:
            state[operation.id] = written


async def _all(work: Iterable[Awaitable[None]]) -> None:
    """Wait for everything, then raise the first error: nothing is left running behind the caller's back."""
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
