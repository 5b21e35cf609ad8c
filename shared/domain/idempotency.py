"""Requests that may come twice: what is remembered of one under its Idempotency-Key."""

from __future__ import annotations

from shared.domain.model import Id, StoredModel, Timestamp, WireModel


class SavedAnswer(WireModel):
    """An answer as it went out; `body` is its text."""

    status: int
    headers: dict[str, str]
    media_type: str
    body: str


class KeyedRequest(StoredModel):
    """A request that came with a key.

    Attributes:
        tenant_id: Whose key it is; `system` for a caller that names no tenant.
        fingerprint: A hash of the request and its caller.
        object_id: The id of what the request makes, chosen before it is made: an attempt after a crash
            finds by it what the one before has done.
        attempts: How many were begun; all but the last died, or failed for the time being.
        claimed_until: When an attempt without answer counts as dead.
        answer: The first answer, once there is one.
    """

    tenant_id: Id
    fingerprint: str
    object_id: Id
    attempts: int = 1
    claimed_until: Timestamp
    answer: SavedAnswer | None = None
