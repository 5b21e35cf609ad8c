"""A provider that a test scripts: pages of records, and faults in their place."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from shared.domain.errors import ConfigurationError, Problem
from shared.domain.integration import Integration
from shared.domain.provider import Provider, ProviderDocument
from shared.domain.sweeps import Sweep
from shared.ports.adapter import NO_CREDENTIALS, Adapter, Credentials, FetchRequest, SourcePage, SourceRecord


class FakeAdapter:
    """Serves `records` in pages; the watermark is a record's place in the list, counted from 1.

    `faults` holds errors to raise, by the number of the fetch (counted from 1).
    """

    def __init__(self, records: Sequence[SourceRecord], page_size: int = 2) -> None:
        self.records = list(records)
        self.page_size = page_size
        self.faults: dict[int, Exception] = {}
        self.requests: list[FetchRequest] = []
        self.closed = 0
        self.hangs = False

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        self.requests.append(request)
        if fault := self.faults.pop(len(self.requests), None):
            raise fault
        if self.hangs:
            await asyncio.Event().wait()
        start = request.position["from"] if request.position else int(request.watermark or 0)
        end = min(start + min(self.page_size, request.page_size), len(self.records))
        following = {"from": end} if end < len(self.records) else None
        return SourcePage(self.records[start:end], following, end)

    async def close(self) -> None:
        self.closed += 1


class FakeAdapterSource:
    """Opens the same adapter for everyone. Its providers have the entities `thing` and `other`."""

    def __init__(self, adapter: FakeAdapter) -> None:
        self.adapter = adapter
        self.problems: list[Problem] = []
        self.swept = Sweep.NEVER

    def open(
        self, provider: Provider, integration: Integration, credentials: Credentials = NO_CREDENTIALS
    ) -> Adapter:
        return self.adapter

    def credential_fields(self, provider: ProviderDocument) -> Sequence[str]:
        return ()

    def check(self, document: ProviderDocument) -> Sequence[Problem]:
        return self.problems

    def entities(self, provider: ProviderDocument) -> Sequence[str]:
        return ("thing", "other")

    def sweep(self, provider: ProviderDocument, entity: str) -> Sweep:
        return self.swept

    def check_settings(self, provider: ProviderDocument, settings: Mapping[str, str]) -> None:
        if missing := [
            name for name, setting in provider.settings.items() if setting.required and name not in settings
        ]:
            raise ConfigurationError(f"missing: {', '.join(missing)}")
