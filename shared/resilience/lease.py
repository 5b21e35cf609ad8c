"""Leases with fencing tokens, over conditional writes of the document store.

A lease says who may work on something until when. Its fencing token grows with every change of hands and
never shrinks, so that what a former holder writes late can be told from what the present one writes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from shared.domain.errors import (
    AlreadyExistsError,
    IntegrationError,
    LeaseHeldError,
    LeaseLostError,
    StaleWriteError,
)
from shared.domain.model import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import Document, DocumentStore, JsonObject, Query
from shared.telemetry.logs import get_logger

LEASE_SECONDS = 60.0
"""How long a lease lasts without renewal: what a crashed holder costs the next one at most."""

POLL_SECONDS = 0.5
"""How often somebody who waits for a lease looks whether it is free."""

_MAX_FREED = 1000
"""So many leases are remembered as this process left them: a run's next step need not read its own."""

_CONTAINER = "leases"
_log = get_logger("lease")


class Lease:
    """A lease in hand."""

    def __init__(self, clock: Clock, document: Document, valid_until: float) -> None:
        self.document = document
        """What the store holds, as far as this holder knows."""
        self._clock = clock
        self._valid_until = valid_until

    @property
    def name(self) -> str:
        """What the lease is on."""
        return str(self.document.body["id"])

    @property
    def fencing_token(self) -> int:
        """Grows with every change of hands."""
        return int(self.document.body["fencingToken"])

    def check(self) -> None:
        """Make sure that the lease still holds; call it before every write that relies on it.

        Raises:
            LeaseLostError: It ran out without being renewed.
        """
        if self._clock.monotonic() >= self._valid_until:
            raise LeaseLostError(
                f"The lease on {self.name} ran out; its work is given back to be done again."
            )

    def extend(self, document: Document, valid_until: float) -> None:
        """Note that the store has renewed the lease up to this monotonic time."""
        self.document = document
        self._valid_until = valid_until

    def lose(self) -> None:
        """Note that somebody else has the lease."""
        self._valid_until = self._clock.monotonic()


class Leases:
    """Leases of one process.

    Args:
        store: Where the leases are kept.
        clock: Time.
        owner: Names this process among all that share the store.
        seconds: How long a lease lasts unless it is renewed, which happens every third of that time.
    """

    def __init__(
        self, store: DocumentStore, clock: Clock, owner: str, seconds: float = LEASE_SECONDS
    ) -> None:
        self._store = store
        self._clock = clock
        self._owner = owner
        self._seconds = seconds
        self._freed: dict[tuple[str, str], Document] = {}

    @contextlib.asynccontextmanager
    async def hold(self, scope: str, name: str, *, patience_seconds: float = 0.0) -> AsyncIterator[Lease]:
        """Hold a lease for a block and keep it renewed.

        Args:
            scope: The tenant's id, or `system`.
            name: The thing to work on, unique in its scope.
            patience_seconds: How long to wait for another holder to end.

        Raises:
            LeaseHeldError: Somebody else holds it; carries the seconds until it can run out.
            UnavailableError: The store does not answer.
        """
        document, started = await self._acquire_within(patience_seconds, scope, name)
        lease = Lease(self._clock, document, started + self._seconds)
        renewal = asyncio.create_task(self._keep(lease), name=f"renew lease {name}")
        try:
            yield lease
        finally:
            renewal.cancel()
            (ended,) = await asyncio.gather(renewal, return_exceptions=True)
            if isinstance(ended, Exception):
                _log.error("Renewing the lease on %s ended", name, exc_info=ended)
            await self._release(lease)

    async def _acquire_within(self, patience_seconds: float, scope: str, name: str) -> tuple[Document, float]:
        """Return the lease's document, and when it was asked for."""
        deadline = self._clock.monotonic() + patience_seconds
        while True:
            started = self._clock.monotonic()
            try:
                return await self._acquire(scope, name), started
            except LeaseHeldError:
                if started >= deadline:
                    raise
            await self._clock.sleep(POLL_SECONDS)

    async def _acquire(self, scope: str, name: str) -> Document:
        """Take the lease, if it is free: without a look where this process was the last to free it."""
        freed = self._freed.pop((scope, name), None)
        if freed:
            with contextlib.suppress(StaleWriteError):  # somebody else has had it since
                return await self._take(scope, name, freed)
        held = await self._store.get(_CONTAINER, (scope,), name)
        if held is not None and held.body["owner"] is not None:
            expires_at = datetime.fromisoformat(held.body["expiresAt"])
            left = (expires_at - self._clock.now()).total_seconds()
            if left > 0:
                raise LeaseHeldError(f"{name} is being worked on.", retry_after_seconds=left)
        try:
            return await self._take(scope, name, held)
        except (StaleWriteError, AlreadyExistsError):
            raise LeaseHeldError(f"{name} was taken at this moment.", retry_after_seconds=1) from None

    async def _take(self, scope: str, name: str, held: Document | None) -> Document:
        body = self._body(scope, name, 1 + (held.body["fencingToken"] if held else 0))
        etag = await self._store.put(
            _CONTAINER, body, if_match=held.etag if held else None, if_absent=held is None
        )
        return Document(body, etag)

    async def _keep(self, lease: Lease) -> None:
        """Renew until cancelled. A lease that can't be renewed runs out, and `check` tells its holder."""
        while True:
            await self._clock.sleep(self._seconds / 3)
            started = self._clock.monotonic()
            body = self._body(lease.document.body["scope"], lease.name, lease.fencing_token)
            try:
                etag = await self._store.put(_CONTAINER, body, if_match=lease.document.etag)
            except StaleWriteError:
                lease.lose()
                return
            except IntegrationError as error:
                _log.warning(
                    "A lease could not be renewed", extra={"metadata": {"lease": lease.name}}, exc_info=error
                )
                continue
            lease.extend(Document(body, etag), started + self._seconds)

    async def _release(self, lease: Lease) -> None:
        """Give the lease back, if it is still ours. Failing to is not an error: it runs out by itself."""
        with contextlib.suppress(IntegrationError):
            try:
                await self._free(lease.document)
            except StaleWriteError:  # somebody else has it by now, or a renewal was cancelled under way
                held = await self._store.get(_CONTAINER, (lease.document.body["scope"],), lease.name)
                if held and _holder(held) == _holder(lease.document):
                    await self._free(held)

    async def _free(self, held: Document) -> None:
        body = {**held.body, "owner": None}
        etag = await self._store.put(_CONTAINER, body, if_match=held.etag)
        if len(self._freed) >= _MAX_FREED:
            self._freed.clear()
        self._freed[held.body["scope"], held.body["id"]] = Document(body, etag)

    def _body(self, scope: str, name: str, fencing_token: int) -> JsonObject:
        now = self._clock.now()
        return {
            "id": name,
            "scope": scope,
            "owner": self._owner,
            "expiresAt": rfc3339(now + timedelta(seconds=self._seconds)),
            "fencingToken": fencing_token,
            "schemaVersion": 1,
            "updatedAt": rfc3339(now),
        }


def _holder(held: Document) -> tuple[str | None, int]:
    return held.body["owner"], held.body["fencingToken"]


async def release_abandoned(store: DocumentStore) -> None:
    """Free every lease, for a process that knows itself to be the only one: whoever held them is dead."""
    continuation = None
    while True:
        page = await store.query(_CONTAINER, Query((), limit=200, continuation=continuation, sweep=True))
        for held in page.items:
            if held.body["owner"] is not None:
                await store.put(_CONTAINER, {**held.body, "owner": None}, if_match=held.etag)
        continuation = page.continuation
        if continuation is None:
            return
