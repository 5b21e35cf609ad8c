"""Storing one page of inbound records: map, compare, write what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Literal

from shared.domain.errors import DocumentTooLargeError, RecordRejectedError, UnavailableError
from shared.domain.integration import EntityMapping
from shared.domain.mapping import CompiledMapping
from shared.domain.model import rfc3339
from shared.domain.quality import QualityTally
from shared.domain.shards import content_hash, shard_id
from shared.domain.sync import SyncCounts
from shared.ports.adapter import SourceRecord
from shared.ports.clock import Clock
from shared.ports.documents import Document, JsonObject, Put
from shared.repositories.quarantine import QuarantineRepository
from shared.repositories.shards import ShardRepository
from shared.resilience.lease import Lease
from shared.telemetry.logs import get_logger

BATCH_SIZE = 100
"""Records read and written at once (guide, "Batch Processing Strategies"; Cosmos DB's limit for a batch)."""

Outcome = Literal["created", "updated", "unchanged", "deleted"]

_log = get_logger("sync")


@dataclass(frozen=True, slots=True)
class PageContext:
    """Where a page belongs. `number` counts the pages of a run, so that storing one twice is noticed."""

    tenant_id: str
    integration_id: str
    execution_id: str
    mapping: EntityMapping
    number: int
    lease: Lease


@dataclass(frozen=True, slots=True)
class StoredPage:
    """What became of a page's records, and how good they were."""

    counts: SyncCounts
    quality: QualityTally


@dataclass(slots=True)
class _Candidate:
    """A record on its way to its shard. `data` is None for a deletion, `hash` then the tombstone's mark."""

    id: str
    record: SourceRecord
    data: dict[str, Any] | None
    hash: str


@dataclass(frozen=True, slots=True)
class _Rejection:
    """A record that is put aside, under the id that its shard would have."""

    id: str
    record: SourceRecord
    error: RecordRejectedError


_TOMBSTONE_HASH = "deleted"
_TOO_LARGE = DocumentTooLargeError("The shard would be over 2 MB; map fewer or smaller fields.")


class PageIntake:
    """Stores pages of inbound records as shards."""

    def __init__(self, shards: ShardRepository, quarantine: QuarantineRepository, clock: Clock) -> None:
        self._shards = shards
        self._quarantine = quarantine
        self._clock = clock

    async def store(
        self, page: PageContext, records: Sequence[SourceRecord], mapping: CompiledMapping
    ) -> StoredPage:
        """Store a page and return what became of its records.

        Storing the same page again, after a crash, writes nothing that is there already and returns the
        same counts. Of several records with one id the last counts as the record, the others as read.

        Raises:
            LeaseLostError: The lease ran out; the page may be stored in part.
            UnavailableError: A shard was changed at the same moment by somebody else, or the store is down.
        """
        latest = {record.external_id: record for record in records}
        outcomes: list[Outcome] = []
        rejections: list[_Rejection] = []
        remaining = iter(latest.values())
        while batch := list(islice(remaining, BATCH_SIZE)):
            page.lease.check()
            outcomes += await self._store_batch(page, batch, mapping, rejections)
        counts = {outcome: outcomes.count(outcome) for outcome in set(outcomes)}
        quality = QualityTally.of_page(
            valid=sum(not record.deleted for record in latest.values()) - len(rejections),
            rejected=[rejection.error.reasons for rejection in rejections],
            required_fields=len(mapping.required_fields),
        )
        return StoredPage(SyncCounts(read=len(records), rejected=len(rejections), **counts), quality)

    async def _store_batch(
        self,
        page: PageContext,
        records: Sequence[SourceRecord],
        mapping: CompiledMapping,
        rejections: list[_Rejection],
    ) -> list[Outcome]:
        _log.debug("phase map")
        rejected: list[_Rejection] = []
        candidates = list(self._mapped(page, records, mapping, rejected))
        shard_type = page.mapping.shard_type_id
        stored = await self._shards.read_many(page.tenant_id, shard_type, [item.id for item in candidates])
        outcomes: dict[str, Outcome] = {}
        writes: list[Put] = []
        for candidate in candidates:
            before = stored.get(candidate.id)
            outcomes[candidate.id], changes = _compare(candidate, before, page)
            if changes:
                body = self._shard(page, candidate, before, outcomes[candidate.id])
                writes.append(Put(body, if_match=before.etag if before else None, if_absent=before is None))
        too_large = await self._write(page, writes)
        rejected += [
            _Rejection(candidate.id, candidate.record, _TOO_LARGE)
            for candidate in candidates
            if candidate.id in too_large
        ]
        await self._quarantine.put_many(page.tenant_id, [self._entry(page, one) for one in rejected])
        rejections += rejected
        return [outcome for key, outcome in outcomes.items() if key not in too_large]

    def _mapped(
        self,
        page: PageContext,
        records: Sequence[SourceRecord],
        mapping: CompiledMapping,
        rejected: list[_Rejection],
    ) -> Iterator[_Candidate]:
        for record in records:
            key = shard_id(page.integration_id, page.mapping.entity, record.external_id)
            if record.deleted:
                yield _Candidate(key, record, None, _TOMBSTONE_HASH)
                continue
            try:
                data = mapping.apply(record.data)
            except RecordRejectedError as error:
                rejected.append(_Rejection(key, record, error))
            else:
                yield _Candidate(key, record, data, content_hash(data))

    async def _write(self, page: PageContext, writes: Sequence[Put]) -> set[str]:
        """Write shards; return the ids of those that are too large."""
        if not writes:
            return set()
        _log.debug("phase write")
        results = await self._shards.write_many(page.tenant_id, page.mapping.shard_type_id, writes)
        too_large = {result.id for result in results if result.outcome == "too_large"}
        lost = [result.id for result in results if result.outcome in {"stale", "exists"}]
        if lost:
            raise UnavailableError(
                f"{len(lost)} shards changed while they were being written; the page is read again."
            )
        return too_large

    def _shard(
        self, page: PageContext, candidate: _Candidate, before: Document | None, outcome: Outcome
    ) -> JsonObject:
        now = rfc3339(self._clock.now())
        body: JsonObject = {
            "id": candidate.id,
            "tenantId": page.tenant_id,
            "shardTypeId": page.mapping.shard_type_id,
            "integrationId": page.integration_id,
            "schemaVersion": 1,
            "createdAt": before.body["createdAt"] if before else now,
            "updatedAt": now,
            "data": candidate.data or {},
            "source": {
                "entity": page.mapping.entity,
                "externalId": candidate.record.external_id,
                "modifiedAt": candidate.record.modified_at,
                "hash": candidate.hash,
                "executionId": page.execution_id,
                "page": page.number,
                "outcome": outcome,
            },
        }
        if candidate.data is None:
            body["deletedAt"] = now
        return body

    def _entry(self, page: PageContext, rejection: _Rejection) -> JsonObject:
        now = rfc3339(self._clock.now())
        return {
            "id": rejection.id,
            "tenantId": page.tenant_id,
            "integrationId": page.integration_id,
            "executionId": page.execution_id,
            "entity": page.mapping.entity,
            "externalId": rejection.record.external_id,
            "modifiedAt": rejection.record.modified_at,
            "reasons": [asdict(reason) for reason in rejection.error.reasons],
            "record": dict(rejection.record.data),
            "schemaVersion": 1,
            "createdAt": now,
            "updatedAt": now,
        }


def _compare(candidate: _Candidate, before: Document | None, page: PageContext) -> tuple[Outcome, bool]:
    """Return what became of a record, and whether its shard has to be written.

    A shard that this very page wrote before a crash says itself what its record was counted as.
    """
    source: Mapping[str, Any] = before.body["source"] if before else {}
    same = source.get("hash") == candidate.hash
    again = (source.get("executionId"), source.get("page")) == (page.execution_id, page.number)
    if again and (same or (source["outcome"] == "created" and candidate.data is not None)):
        return source["outcome"], not same
    if same or (candidate.data is None and before is None):
        return "unchanged", False
    if candidate.data is None:
        return "deleted", True
    was_live = before is not None and "deletedAt" not in before.body
    return ("updated" if was_live else "created"), True
