"""A provider that a test scripts: pages of records, and faults in their place."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from shared.domain.errors import ConfigurationError, Problem, RecordConflictError, RecordMissingError
from shared.domain.integration import Integration
from shared.domain.provider import Provider, ProviderDocument
from shared.domain.sweeps import Sweep
from shared.ports.adapter import (
    NO_CREDENTIALS,
    Adapter,
    Credentials,
    FetchRequest,
    ListExtras,
    Operation,
    SourcePage,
    SourceRecord,
)
from shared.ports.token_source import AuthorizationEndpoint, TokenEndpoint

ALL_OPERATIONS: frozenset[Operation] = frozenset({"get", "create", "update", "delete", "search"})


class FakeAdapter:
    """Serves `records` in pages; the watermark is a record's place in the list, counted from 1.

    `faults` holds errors to raise, by the number of the fetch (counted from 1); `operation_faults` one for
    the next call of an operation. Without `complete`, its readings have left something out. Writes go to the
    end of `records`, as changes that a sync would see.
    """

    def __init__(self, records: Sequence[SourceRecord], page_size: int = 2) -> None:
        self.records = list(records)
        self.page_size = page_size
        self.faults: dict[int, Exception] = {}
        self.operation_faults: dict[Operation, Exception] = {}
        self.supported = ALL_OPERATIONS
        self.created: dict[str, SourceRecord] = {}
        self.requests: list[FetchRequest] = []
        self.closed = 0
        self.hangs = False
        self.complete = True

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        self.requests.append(request)
        if fault := self.faults.pop(len(self.requests), None):
            raise fault
        if self.hangs:
            await asyncio.Event().wait()
        start = request.position["from"] if request.position else int(request.watermark or 0)
        end = min(start + min(self.page_size, request.page_size), len(self.records))
        following = {"from": end} if end < len(self.records) else None
        return SourcePage(self.records[start:end], following, end, complete=self.complete)

    def operations(self, entity: str) -> frozenset[Operation]:
        return self.supported

    async def get(self, entity: str, external_id: str) -> SourceRecord | None:
        self._begin("get")
        return self._living(external_id)

    async def create(self, entity: str, fields: Mapping[str, Any], idempotency_key: str) -> SourceRecord:
        self._begin("create")
        if idempotency_key not in self.created:
            made = SourceRecord(f"new{len(self.created) + 1}", dict(fields), version=1)
            self.created[idempotency_key] = made
            self.records.append(made)
        return self.created[idempotency_key]

    async def update(
        self, entity: str, external_id: str, fields: Mapping[str, Any], version: str | int | None
    ) -> SourceRecord:
        self._begin("update")
        known = self._expect(external_id, version)
        if known is None:
            raise RecordMissingError(f"{external_id} is not there")
        return self._put(SourceRecord(external_id, {**known.data, **fields}, version=_after(known.version)))

    async def delete(self, entity: str, external_id: str, version: str | int | None) -> None:
        self._begin("delete")
        if (known := self._expect(external_id, version)) is not None:
            self._put(SourceRecord(external_id, {}, deleted=True, version=_after(known.version)))

    async def search(self, entity: str, text: str, limit: int) -> Sequence[SourceRecord]:
        self._begin("search")
        found = [each for each in self.records if not each.deleted and text in str(dict(each.data))]
        return found[:limit]

    async def close(self) -> None:
        self.closed += 1

    def _begin(self, operation: Operation) -> None:
        if operation not in self.supported:
            raise ConfigurationError(f"no {operation}")
        if fault := self.operation_faults.pop(operation, None):
            raise fault

    def _living(self, external_id: str) -> SourceRecord | None:
        known = (each for each in self.records if each.external_id == external_id and not each.deleted)
        return next(known, None)

    def _expect(self, external_id: str, version: str | int | None) -> SourceRecord | None:
        known = self._living(external_id)
        if known and version is not None and version != known.version:
            raise RecordConflictError(f"{external_id} has another version")
        return known

    def _put(self, record: SourceRecord) -> SourceRecord:
        self.records = [each for each in self.records if each.external_id != record.external_id]
        self.records.append(record)
        return record


def _after(version: str | int | None) -> int:
    return int(version or 0) + 1


class CirclingAdapter(FakeAdapter):
    """Serves pages of two records whose positions come again after `length` steps of four records."""

    def __init__(self, length: int) -> None:
        super().__init__([])
        self._pages = 2 * length

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        self.requests.append(request)
        page = request.position["page"] if request.position else 0
        records = [SourceRecord(f"{page}-{number}", {"name": "a name"}) for number in range(2)]
        return SourcePage(records, {"page": (page + 1) % self._pages}, None)


class SinglePageAdapter(FakeAdapter):
    """Gives all its records at once, however few were asked for. `shifts`: so many fetches lose the first."""

    def __init__(self, records: Sequence[SourceRecord], shifts: int = 0) -> None:
        super().__init__(records)
        self._shifts = shifts

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        self.requests.append(request)
        if 1 < len(self.requests) <= 1 + self._shifts:
            del self.records[0]
        return SourcePage(list(self.records), None, len(self.records))


class EmptyPagesAdapter(FakeAdapter):
    """Serves page after page without a record, and without an end."""

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        self.requests.append(request)
        return SourcePage((), {"page": len(self.requests)}, None)


class FakeAdapterSource:
    """Opens the same adapter for everyone. Its providers have the entities `thing` and `other`."""

    def __init__(self, adapter: FakeAdapter) -> None:
        self.adapter = adapter
        self.problems: list[Problem] = []
        self.swept = Sweep.NEVER
        self.endpoint: TokenEndpoint | None = None
        self.authorization: AuthorizationEndpoint | None = None
        self.kind = "none"
        self.fields: tuple[str, ...] = ()

    def open(
        self,
        provider: Provider,
        integration: Integration,
        credentials: Credentials = NO_CREDENTIALS,
        tenant_id: str | None = None,
    ) -> Adapter:
        return self.adapter

    def token_endpoint(self, provider: Provider, integration: Integration) -> TokenEndpoint | None:
        return self.endpoint

    def authorization_endpoint(
        self, provider: Provider, integration: Integration
    ) -> AuthorizationEndpoint | None:
        return self.authorization

    def auth_kind(self, provider: ProviderDocument) -> str:
        return self.kind

    def entered_fields(self, provider: ProviderDocument) -> Sequence[str]:
        return tuple(name for name in self.fields if name != "refreshToken")

    def credential_fields(self, provider: ProviderDocument) -> Sequence[str]:
        return self.fields

    def check(self, document: ProviderDocument) -> Sequence[Problem]:
        return self.problems

    def entities(self, provider: ProviderDocument) -> Sequence[str]:
        return ("thing", "other")

    def sweep(self, provider: ProviderDocument, entity: str) -> Sweep:
        return self.swept

    def list_extras(self, provider: ProviderDocument, entity: str) -> ListExtras:
        return ListExtras()

    def check_settings(self, provider: ProviderDocument, settings: Mapping[str, str]) -> None:
        if missing := [
            name for name, setting in provider.settings.items() if setting.required and name not in settings
        ]:
            raise ConfigurationError(f"missing: {', '.join(missing)}")
