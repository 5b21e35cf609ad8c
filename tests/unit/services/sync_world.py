"""A small world for sync tests: a real embedded store, a scripted provider, one integration."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.domain.integration import EntityMapping, FieldMapping, Integration, IntegrationStatus
from shared.domain.provider import ProviderDocument
from shared.domain.schedule import SyncConfig
from shared.domain.sync import ExecutionStatus, SyncExecution, SyncMode, Trigger
from shared.ports.adapter import SourceRecord
from shared.ports.documents import JsonObject, Query
from shared.ports.queue import MessageSender
from shared.ports.secrets import SecretStore
from shared.repositories.active_runs import ActiveRunRepository
from shared.repositories.checkpoints import CheckpointRepository
from shared.repositories.executions import ExecutionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.providers import ProviderRepository
from shared.repositories.quarantine import QuarantineRepository
from shared.repositories.seen_marks import SeenMarks
from shared.repositories.shards import ShardRepository
from shared.resilience.lease import Leases
from shared.resilience.turns import Turns
from shared.services.bulk_replay import BulkReplay
from shared.services.confirmed_deletions import ConfirmedDeletions
from shared.services.credentials import CredentialVault
from shared.services.guarded_intake import GuardedIntake
from shared.services.held_deletions import HeldDeletions
from shared.services.inbound_sync import InboundSync, StepLimits
from shared.services.page_intake import PageIntake
from shared.services.quarantine import Quarantine
from shared.services.read_ahead import ReadAhead
from shared.services.retaking import Retaking
from shared.services.run_checkpoints import RunCheckpoints
from shared.services.run_records import RunRecords
from shared.services.sweeper import Sweeper
from shared.services.sync_requests import SyncRequests
from shared.services.sync_scheduler import SyncScheduler
from shared.services.sync_turns import SyncTurns
from shared.services.told_deletions import DeletionGuard
from tests.fakes.adapter import FakeAdapter, FakeAdapterSource
from tests.fakes.clock import START, FakeClock, ManualClock
from tests.fakes.dying_store import DyingStore
from tests.fakes.queue import FakeSender

TENANT = "acme"
PROVIDER = ProviderDocument(id="fake", category="test", display_name="Fake", rest={})
FIELDS = (
    FieldMapping(external_field="name", shard_field="name", transform="trim", required=True),
    FieldMapping(external_field="size", shard_field="size", transform="number"),
)


def record(key: str, name: str | None = "a name", *, deleted: bool = False, **data: Any) -> SourceRecord:
    return SourceRecord(key, {"name": name, **data}, deleted=deleted)


async def no_secrets() -> NoReturn:
    raise AssertionError("the fake provider asks for no credentials")


class SyncWorld:
    """Everything that a sync needs, with names for what tests look at."""

    def __init__(
        self,
        store: DyingStore,
        clock: FakeClock,
        limits: StepLimits,
        adapter: FakeAdapter | None = None,
        max_runs_per_tenant: int = 3,
        max_runs: int = 50,
        sender: MessageSender | None = None,
        open_secrets: Callable[[], Awaitable[SecretStore]] = no_secrets,
    ) -> None:
        self.store = store
        self.clock = clock
        self.sender = FakeSender()
        self.adapter = adapter or FakeAdapter([])
        self.adapters = adapters = FakeAdapterSource(self.adapter)
        self.integrations = IntegrationRepository(store)
        self.executions = ExecutionRepository(store)
        self.leases = Leases(store, clock, "this process")
        ids = count(1)
        self.active_runs = ActiveRunRepository(store, self.executions, clock)
        self.requests = SyncRequests(
            self.executions, self.active_runs, sender or self.sender, clock, lambda: f"run{next(ids)}"
        )
        self.providers = ProviderRepository(store, lambda: [PROVIDER], clock)
        checkpoints = CheckpointRepository(store, clock)
        self.records = RunRecords(self.executions, self.integrations, checkpoints, self.active_runs, clock)
        self.turns = SyncTurns(Turns(store, clock), self.requests, max_runs_per_tenant, max_runs)
        shards, entries = ShardRepository(store), QuarantineRepository(store)
        intake = PageIntake(shards, entries, clock)
        run_checkpoints = RunCheckpoints(checkpoints)
        self.held_deletions = HeldDeletions(
            self.executions, self.integrations, run_checkpoints, entries, self.requests
        )
        retaking = Retaking(entries, shards, intake)
        self.quarantine = Quarantine(
            entries, self.integrations, retaking, self.leases, lambda: f"replay{next(ids)}"
        )
        self.bulk_replay = BulkReplay(
            entries, self.integrations, retaking, self.leases, clock, lambda: f"replay{next(ids)}"
        )
        sweeper = Sweeper(shards, SeenMarks(store, clock), run_checkpoints, clock, batches_per_save=1)
        self.vault = CredentialVault(open_secrets, adapters, clock)
        self.sync = InboundSync(
            integrations=self.integrations,
            providers=self.providers,
            records=self.records,
            checkpoints=run_checkpoints,
            intake=GuardedIntake(intake, DeletionGuard(shards, entries, clock), entries),
            sweeper=sweeper,
            confirmed=ConfirmedDeletions(entries, intake, sweeper, run_checkpoints),
            adapters=adapters,
            vault=self.vault,
            leases=self.leases,
            turns=self.turns,
            requests=self.requests,
            ahead=ReadAhead(clock, capacity=2),
            limits=limits,
            clock=clock,
        )
        self.scheduler = SyncScheduler(self.integrations, self.executions, self.requests, self.leases, clock)

    def requests_through(self, sender: MessageSender) -> SyncRequests:
        """Return a way to start runs whose messages go to this sender."""
        return SyncRequests(self.executions, self.active_runs, sender, self.clock, lambda: "unused")

    async def add_integration(self, **changes: Any) -> Integration:
        mapping = EntityMapping(entity="thing", shard_type_id="thing-shard", fields=FIELDS)
        integration = Integration(
            id="int1",
            tenant_id=TENANT,
            name="Things",
            provider_id="fake",
            provider_category="test",
            status=IntegrationStatus.ACTIVE,
            entity_mappings=(mapping,),
            sync_config=SyncConfig(),
            created_at=START,
            updated_at=START,
        )
        return await self.integrations.create(integration.changed(**changes))

    async def run(self, mode: SyncMode = SyncMode.INCREMENTAL) -> SyncExecution:
        """Start a run and do its steps until none is left."""
        integration = await self.integrations.get(TENANT, "int1")
        execution = await self.requests.start(integration, mode, Trigger.MANUAL, "request-1")
        await self.work()
        return await self.executions.get(TENANT, execution.id)

    async def work(self) -> None:
        """Handle messages until there are none."""
        while steps := self.sender.steps():
            for step in steps:
                await self.sync.run(step)

    async def shards(self) -> dict[str, JsonObject]:
        """Every shard, tombstones too, by the external id of its record."""
        page = await self.store.query("shards", Query((TENANT, "thing-shard"), limit=1000))
        return {document.body["source"]["externalId"]: document.body for document in page.items}

    async def etags(self) -> dict[str, str]:
        """The version of every shard: what was not written keeps it."""
        page = await self.store.query("shards", Query((TENANT, "thing-shard"), limit=1000))
        return {document.body["source"]["externalId"]: document.etag for document in page.items}

    async def quarantined(self) -> list[JsonObject]:
        page = await self.store.query("quarantine", Query((TENANT,), limit=1000))
        return [document.body for document in page.items]

    async def status(self, execution_id: str = "run1") -> ExecutionStatus:
        return (await self.executions.get(TENANT, execution_id)).status


@asynccontextmanager
async def sync_world(
    folder: Path,
    max_records: int = 4,
    max_seconds: float = 480,
    timeout_seconds: float = 600,
    adapter: FakeAdapter | None = None,
    max_runs_per_tenant: int = 3,
    max_runs: int = 50,
) -> AsyncIterator[SyncWorld]:
    clock = ManualClock()
    store = await SqliteDocumentStore.open(folder / "documents.db", clock)
    try:
        limits = StepLimits(max_records, max_seconds, timeout_seconds)
        yield SyncWorld(DyingStore(store), clock, limits, adapter, max_runs_per_tenant, max_runs)
    finally:
        await store.close()
