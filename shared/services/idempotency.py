"""Idempotency-Key: a request that comes twice is done once and answered the same.

As draft-ietf-httpapi-idempotency-key-header has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from shared.domain.errors import (
    AlreadyExistsError,
    IntegrationError,
    KeyReusedError,
    Problem,
    RequestInProgressError,
    StaleWriteError,
)
from shared.domain.idempotency import KeyedRequest, SavedAnswer
from shared.ports.clock import Clock
from shared.repositories.keyed_requests import KeyedRequestRepository
from shared.telemetry.logs import get_logger

CLAIM_SECONDS = 60.0
"""How long an attempt may go without an answer: what a crash makes the next one wait at most.

Where one takes longer after all, two work at the same time, and make the same object."""

_NO_TENANT = "system"
_log = get_logger("idempotency")


class IdempotencyKeys:
    """Remembers requests by tenant and key for a day, with their first answers.

    Args:
        requests: Where they are kept.
        clock: Time.
        new_id: Makes ids of what requests will create.
    """

    def __init__(self, requests: KeyedRequestRepository, clock: Clock, new_id: Callable[[], str]) -> None:
        self._requests = requests
        self._clock = clock
        self._new_id = new_id

    async def claim(self, tenant_id: str | None, key: str, fingerprint: str) -> KeyedRequest:
        """Begin an attempt at a request, unless there is an answer to it: then `answer` has it.

        Args:
            tenant_id: Whose key it is; None for a caller that names no tenant.
            key: As the caller sent it.
            fingerprint: A hash of everything that makes this request another one than the next.

        Raises:
            KeyReusedError: The key belongs to another request.
            RequestInProgressError: An attempt is under way.
        """
        scope, digest = tenant_id or _NO_TENANT, hashlib.sha256(key.encode()).hexdigest()
        known = await self._requests.find(scope, digest)
        try:
            if known is None:
                return await self._requests.create(self._new_request(scope, digest, fingerprint))
            return await self._again(known, fingerprint)
        except (AlreadyExistsError, StaleWriteError):
            raise _in_progress(1) from None

    async def keep(self, request: KeyedRequest, answer: SavedAnswer) -> None:
        """Remember the answer to a request. Failing to is no error: the next attempt finds what was made."""
        await self._note(request, answer=answer)

    async def release(self, request: KeyedRequest) -> None:
        """End an attempt without an answer, so that the next may begin at once."""
        await self._note(request, claimed_until=self._clock.now())

    async def _again(self, known: KeyedRequest, fingerprint: str) -> KeyedRequest:
        if known.fingerprint != fingerprint:
            problem = Problem("Idempotency-Key", "use a new key for every request; a UUID will do")
            raise KeyReusedError("This Idempotency-Key belongs to another request.", [problem])
        if known.answer is not None:
            return known
        left = (known.claimed_until - self._clock.now()).total_seconds()
        if left > 0:
            raise _in_progress(left)
        return await self._requests.replace(
            known.changed(attempts=known.attempts + 1, claimed_until=self._until())
        )

    def _new_request(self, scope: str, digest: str, fingerprint: str) -> KeyedRequest:
        now = self._clock.now()
        return KeyedRequest(
            id=digest,
            tenant_id=scope,
            fingerprint=fingerprint,
            object_id=self._new_id(),
            claimed_until=self._until(),
            created_at=now,
            updated_at=now,
        )

    def _until(self) -> datetime:
        return self._clock.now() + timedelta(seconds=CLAIM_SECONDS)

    async def _note(self, request: KeyedRequest, **changes: object) -> None:
        try:
            await self._requests.replace(request.changed(updated_at=self._clock.now(), **changes))
        except IntegrationError as error:
            _log.warning("The answer to a request could not be kept", exc_info=error)


def _in_progress(seconds: float) -> RequestInProgressError:
    return RequestInProgressError(
        "A request with this Idempotency-Key is being worked on; send it again after Retry-After.",
        retry_after_seconds=seconds,
    )
