"""Trying a provider's document before anybody uses it: what it says, and what its API answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from shared.domain.errors import ConfigurationError, IntegrationError, Problem
from shared.domain.integration import Integration
from shared.domain.model import WireModel
from shared.domain.provider import Provider, ProviderDocument
from shared.domain.record_shapes import FieldShape, FieldTally, shape_of
from shared.domain.sync import Watermark
from shared.ports.adapter import Adapter, AdapterSource, Credentials, FetchRequest, ListExtras, SourcePage
from shared.ports.clock import Clock
from shared.services.provider_reads import DeclaredReads, Failure, ReadStep, Seen

PAGE_SIZE = 100
"""Records asked for at once: the size of a batch."""


class Incremental(WireModel):
    """What came when asked for changes since the watermark of the pages read."""

    records: int = 0
    seconds: float
    error: Failure | None = None


class EntityReport(WireModel):
    """What the API answered for one entity. It tells types and shapes, never a value.

    Attributes:
        malformed: How many records by the reason that stands against them.
        repeated_ids: Records whose id had come before: the pages overlap, or are all the same one.
        more_pages: Whether there is a page after those that were read.
        id, modified, watermark: Their shapes; None where there is none.
        seconds: How long each request took, with what the adapter repeated.
        steps: The other requests for reading that the document declares.
    """

    entity: str
    pages: int = 0
    records: int = 0
    deleted: int = 0
    malformed: dict[str, int] = {}
    repeated_ids: int = 0
    more_pages: bool = False
    id: str | None = None
    modified: str | None = None
    watermark: str | None = None
    fields: tuple[FieldShape, ...] = ()
    seconds: tuple[float, ...] = ()
    incremental: Incremental | None = None
    steps: tuple[ReadStep, ...] = ()
    error: Failure | None = None

    @property
    def problems(self) -> list[str]:
        """What is wrong, each with what to do."""
        found = [self.error.message] if self.error else []
        found += [f"{count} of {self.records} records: {reason}" for reason, count in self.malformed.items()]
        if self.repeated_ids:
            found.append(
                f"{self.repeated_ids} ids came more than once; check `pagination` (does the API know the"
                " parameter?) and whether `id` is unique"
            )
        if self.incremental and self.incremental.error:
            found.append(f"asking for changes failed: {self.incremental.error.message}")
        found += [f"`{step.name}` failed: {step.error.message}" for step in self.steps if step.error]
        return found

    @property
    def notes(self) -> list[str]:
        """What could not be tried, or might be meant otherwise."""
        found = []
        if not self.error and not self.records:
            found.append("no records came, so that their fields are not known; check path and settings")
        if self.records and self.watermark is None:
            found.append("no watermark: every run reads everything (`increment` would change that)")
        return found


class _Reading:
    """What is known while pages are read."""

    def __init__(self, report: EntityReport) -> None:
        self.watermark: Watermark | None = None
        self._report = report
        self._tally = FieldTally()
        self._living_id: str | None = None
        self._ids: set[str] = set()

    def add(self, page: SourcePage, seconds: float) -> None:
        before = self._report
        last = next((record for record in reversed(page.records) if not record.rejection), None)
        for record in page.records:
            if not record.deleted and not record.rejection:
                self._tally.add(record.data)
                self._living_id = self._living_id or record.external_id
        reasons = Counter(record.rejection.message for record in page.records if record.rejection)
        known = len(self._ids)
        self._ids.update(record.external_id for record in page.records)
        self.watermark = page.watermark if page.watermark is not None else self.watermark
        self._report = EntityReport(
            entity=before.entity,
            pages=before.pages + 1,
            records=before.records + len(page.records),
            deleted=before.deleted + sum(record.deleted for record in page.records),
            malformed=dict(Counter(before.malformed) + reasons),
            repeated_ids=before.repeated_ids + len(page.records) - (len(self._ids) - known),
            more_pages=page.next_position is not None,
            id=shape_of(last.external_id) if last else before.id,
            modified=_shape(last.modified_at) if last else before.modified,
            seconds=(*before.seconds, round(seconds, 3)),
        )

    def seen(self) -> Seen:
        return Seen(self._living_id, self._tally.shapes(), self.watermark)

    def told(self, **more: object) -> EntityReport:
        known = {"fields": self._tally.shapes(), "watermark": _shape(self.watermark)}
        return self._report.model_copy(update={**known, **more})


class ProviderChecker:
    """Checks documents, and tries them against their APIs without storing anything."""

    def __init__(self, adapters: AdapterSource, clock: Clock) -> None:
        self._adapters = adapters
        self._clock = clock

    def problems(self, document: ProviderDocument) -> list[Problem]:
        """Return everything that is wrong with a document, each with its path and its cure."""
        return list(self._adapters.check(document))

    def credential_fields(self, document: ProviderDocument) -> Sequence[str]:
        """Return the names of the credentials that a document without problems asks for."""
        return self._adapters.credential_fields(document)

    async def try_out(
        self,
        document: ProviderDocument,
        settings: Mapping[str, str],
        credentials: Credentials,
        entities: Sequence[str] = (),
        pages: int = 2,
    ) -> list[EntityReport]:
        """Read the first pages of entities, what changed since, and whatever else the document lets read.

        What fails is part of the reports. Nothing is written at the provider.

        Args:
            document: Without problems.
            settings: As an integration would have them.
            credentials: The same.
            entities: All, if none is named.
            pages: How many to read of each.

        Raises:
            ConfigurationError: Settings, credentials or entities are not what the document has; lists all.
        """
        known = self._adapters.entities(document)
        if unknown := sorted(set(entities) - set(known)):
            raise ConfigurationError(
                f"The document has no entity {', '.join(unknown)}; it has: {', '.join(known)}."
            )
        adapter = self._open(document, settings, credentials)
        try:
            extras = {entity: self._adapters.list_extras(document, entity) for entity in entities or known}
            return [await self._tried(adapter, entity, extras[entity], pages) for entity in extras]
        finally:
            await adapter.close()

    def _open(
        self, document: ProviderDocument, settings: Mapping[str, str], credentials: Credentials
    ) -> Adapter:
        self._adapters.check_settings(document, settings)
        self._check_names(document, credentials)
        now = self._clock.now()
        provider = Provider(**document.model_dump(by_alias=False), created_at=now, updated_at=now)
        integration = Integration(
            id="check",
            tenant_id="check",
            name="check",
            provider_id=document.id,
            provider_category=document.category,
            settings=dict(settings),
            created_at=now,
            updated_at=now,
        )
        return self._adapters.open(provider, integration, credentials)

    def _check_names(self, document: ProviderDocument, credentials: Credentials) -> None:
        asked = self._adapters.credential_fields(document)
        if set(credentials.values) != set(asked):
            raise ConfigurationError(
                f"The document asks for these credentials, no more and no less: {', '.join(asked) or 'none'}."
            )

    async def _tried(self, adapter: Adapter, entity: str, extras: ListExtras, pages: int) -> EntityReport:
        reading = _Reading(EntityReport(entity=entity))
        try:
            await self._read(adapter, entity, pages, reading)
        except IntegrationError as error:
            return reading.told(error=Failure.of(error))
        seen = reading.seen()
        changes = None if seen.watermark is None else await self._changes(adapter, entity, seen.watermark)
        steps = await DeclaredReads(adapter, entity, extras, seen, self._clock).tried()
        return reading.told(incremental=changes, steps=steps)

    async def _read(self, adapter: Adapter, entity: str, pages: int, reading: _Reading) -> None:
        position = None
        for _ in range(pages):
            started = self._clock.monotonic()
            page = await adapter.fetch_page(FetchRequest(entity, None, position, PAGE_SIZE))
            reading.add(page, self._clock.monotonic() - started)
            position = page.next_position
            if position is None:
                return

    async def _changes(self, adapter: Adapter, entity: str, watermark: Watermark) -> Incremental:
        started = self._clock.monotonic()
        records, failure = 0, None
        try:
            records = len(
                (await adapter.fetch_page(FetchRequest(entity, watermark, None, PAGE_SIZE))).records
            )
        except IntegrationError as error:
            failure = Failure.of(error)
        seconds = round(self._clock.monotonic() - started, 3)
        return Incremental(records=records, seconds=seconds, error=failure)


def _shape(value: Watermark | None) -> str | None:
    return None if value is None else shape_of(value)
