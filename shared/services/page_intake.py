"""Storing one page of inbound records: compare, map what changed, write it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import NamedTuple, TypeVar

from shared.domain.errors import DocumentTooLargeError, RecordRejectedError, UnavailableError
from shared.domain.integration import EntityMapping, Integration
from shared.domain.mapping import CompiledMapping
from shared.domain.model import rfc3339
from shared.domain.quality import QualityTally
from shared.domain.shards import Outcome, ShardChange, ShardOrigin, shard_id
from shared.domain.sync import SyncCounts
from shared.ports.adapter import SourceRecord
from shared.ports.clock import Clock
from shared.ports.documents import Document, JsonObject, Put
from shared.repositories.quarantine import QuarantineRepository
from shared.repositories.shards import ShardRepository
from shared.resilience.lease import Lease
from shared.services.background import in_background
from shared.telemetry.denials import require_access
from shared.telemetry.logs import get_logger

READ_AT_ONCE = 1_000
"""Shards that are looked up in one go."""

WRITE_AT_ONCE = 500
"""Shards that are written in one go, while the next are being mapped."""

_TOO_LARGE = DocumentTooLargeError("The shard would be over 2 MB; map fewer or smaller fields.")

T = TypeVar("T")
_log = get_logger("sync")


@dataclass(frozen=True, slots=True)
class PageContext:
    """Where a page belongs. `number` counts the pages of a run, so that storing one twice is noticed."""

    tenant_id: str
    integration: Integration
    execution_id: str
    mapping: EntityMapping
    number: int
    lease: Lease

    @property
    def origin(self) -> ShardOrigin:
        """What the page's shards say of where they come from."""
        return ShardOrigin(
            tenant_id=self.tenant_id,
            shard_type_id=self.mapping.shard_type_id,
            integration_id=self.integration_id,
            entity=self.mapping.entity,
            execution_id=self.execution_id,
            page=self.number,
        )

    @property
    def integration_id(self) -> str:
        """The integration that the page came by."""
        return self.integration.id


@dataclass(frozen=True, slots=True)
class StoredPage:
    """What became of a page's records, and how good they were. `rejected`: ids of what was put aside."""

    counts: SyncCounts
    quality: QualityTally
    rejected: frozenset[str]


class _Arrival(NamedTuple):
    """A record, with its shard as it is stored and the fingerprint that tells whether it is a new version."""

    id: str
    record: SourceRecord
    fingerprint: str
    before: Document | None


@dataclass(frozen=True, slots=True)
class _Rejection:
    """A record that is put aside, under the id that its shard would have."""

    id: str
    record: SourceRecord
    error: RecordRejectedError


@dataclass(slots=True)
class _Batch:
    """What was decided about some records. `outcomes` has those that are not rejected."""

    arrivals: Sequence[_Arrival] = ()
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    writes: list[Put] = field(default_factory=list)
    rejections: list[_Rejection] = field(default_factory=list)


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
            AccessDeniedError: The integration may not touch such shards; nothing is stored.
            LeaseLostError: The lease ran out; the page may be stored in part.
            UnavailableError: A shard was changed at the same moment by somebody else, or the store is down.
        """
        require_access(page.integration, page.tenant_id, page.mapping.shard_type_id, "store")
        latest = {record.external_id: record for record in records}
        malformed = [record for record in latest.values() if record.rejection]
        well_formed = [one for one in latest.values() if not one.rejection] if malformed else latest.values()
        settled = [await self._settled(page, _malformed(page, malformed))] if malformed else []
        for some in _in_batches(well_formed, READ_AT_ONCE):
            known, changed = await self._compared(page, some, mapping)
            settled += [known, *await self._write_changed(page, changed, mapping)]
        outcomes = [outcome for batch in settled for outcome in batch.outcomes.values()]
        rejections = [rejection for batch in settled for rejection in batch.rejections]
        counts = {outcome: outcomes.count(outcome) for outcome in set(outcomes)}
        quality = QualityTally.of_page(
            valid=sum(not record.deleted for record in latest.values()) - len(rejections),
            rejected=[rejection.error.reasons for rejection in rejections],
            required_fields=len(mapping.required_fields),
        )
        return StoredPage(
            SyncCounts(read=len(records), rejected=len(rejections), **counts),
            quality,
            frozenset(rejection.id for rejection in rejections),
        )

    async def _compared(
        self, page: PageContext, records: Sequence[SourceRecord], mapping: CompiledMapping
    ) -> tuple[_Batch, list[_Arrival]]:
        """Tell records whose shards were made of just this version, with this mapping, from the others."""
        ids = [shard_id(page.integration_id, page.mapping.entity, one.external_id) for one in records]
        reading = self._shards.read_origins(page.tenant_id, page.mapping.shard_type_id, ids)
        async with in_background(reading) as read:
            fingerprints = [mapping.fingerprint(one.data, deleted=one.deleted) for one in records]
            stored = await read
        known, changed, origin = _Batch(), [], page.origin
        for key, record, fingerprint in zip(ids, records, fingerprints, strict=True):
            before = stored.get(key)
            outcome = origin.outcome_of_same(before.body, fingerprint) if before else None
            if outcome is None:
                changed.append(_Arrival(key, record, fingerprint, before))
            else:
                known.outcomes[key] = outcome
        return known, changed

    async def _write_changed(
        self, page: PageContext, changed: Sequence[_Arrival], mapping: CompiledMapping
    ) -> list[_Batch]:
        """Map and write records, a batch while the one after it is being mapped."""
        settled: list[_Batch] = []
        mapped = _Batch()
        for some in _in_batches(changed, WRITE_AT_ONCE):
            async with in_background(self._settled(page, mapped)) as settling:
                following = self._decided(page, some, mapping)
                settled.append(await settling)
            mapped = following
        return [*settled, await self._settled(page, mapped)]

    def _decided(self, page: PageContext, arrivals: Sequence[_Arrival], mapping: CompiledMapping) -> _Batch:
        _log.debug("phase map")
        batch, origin, now = _Batch(arrivals), page.origin, rfc3339(self._clock.now())
        for key, record, fingerprint, before in arrivals:
            try:
                data = None if record.deleted else mapping.apply(record.data)
            except RecordRejectedError as error:
                batch.rejections.append(_Rejection(key, record, error))
                continue
            change = ShardChange(key, data, record.external_id, record.modified_at, fingerprint)
            outcome, body = origin.compare(change, before.body if before else None, now)
            batch.outcomes[key] = outcome
            if body:
                put = Put(body, if_match=before.etag) if before else Put(body, if_absent=True)
                batch.writes.append(put)
        return batch

    async def _settled(self, page: PageContext, batch: _Batch) -> _Batch:
        """Carry out what was decided; what turns out to be too large is rejected after all."""
        page.lease.check()
        too_large = await self._write(page, batch.writes)
        for arrival in batch.arrivals:
            if arrival.id in too_large:
                del batch.outcomes[arrival.id]
                batch.rejections.append(_Rejection(arrival.id, arrival.record, _TOO_LARGE))
        if batch.rejections:
            _log.debug("phase quarantine")
        await self._quarantine.put_many(page.tenant_id, [self._entry(page, one) for one in batch.rejections])
        return batch

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


def _malformed(page: PageContext, records: Sequence[SourceRecord]) -> _Batch:
    return _Batch(
        rejections=[
            _Rejection(
                shard_id(page.integration_id, page.mapping.entity, record.external_id),
                record,
                RecordRejectedError.because_of([record.rejection]),
            )
            for record in records
            if record.rejection
        ]
    )


def _in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
