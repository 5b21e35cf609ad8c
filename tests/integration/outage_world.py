"""An app's inbound sync on Azure's services, through their SDKs, with a host that receives for it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from functions._messages import run_step
from shared.backends.azure.cosmos_client import CosmosOptions
from shared.backends.azure.key_vault_secrets import KeyVaultSecretStore
from shared.domain.errors import LeaseLostError, RetryableError
from shared.domain.integration import Integration
from shared.domain.queues import SYNC_INBOUND_SCHEDULED
from shared.domain.sync import SyncExecution, SyncMessage, SyncMode, Trigger
from shared.ports.adapter import FetchRequest, SourcePage, SourceRecord
from shared.ports.queue import MessageReceiver, ReceivedMessage
from shared.ports.secrets import SecretStore
from shared.services.inbound_sync import StepLimits
from tests.doubles.cosmos import CosmosDouble
from tests.doubles.credential import FakeCredential
from tests.doubles.keyvault.server import RunningVault, running_vault
from tests.doubles.servicebus.bench import AHEAD, Bench, service_bus_bench
from tests.doubles.servicebus.broker import Broker
from tests.doubles.servicebus.queues import BrokerQueue
from tests.fakes.adapter import FakeAdapter
from tests.fakes.clock import ManualClock
from tests.fakes.cosmos_store import cosmos_store
from tests.fakes.dying_store import DyingStore
from tests.integration.outages import Outage, Services, Trouble
from tests.unit.services.sync_world import TENANT, SyncWorld

PAGE = 110
"""Records of a page: more than one batch."""

OPTIONS = CosmosOptions(call_seconds=1.0, throttle_retries=0, discover_endpoints=False)
"""Calls that hang end soon, and nothing but the app's own rescheduling tries again."""

LIMITS = StepLimits(max_records=2 * PAGE, max_seconds=480, timeout_seconds=570)
_SECONDS_A_MESSAGE = 1.0
_LONGEST_SECONDS = 3600.0


class PassingClock(ManualClock):
    """Who waits in the middle of a step moves the time on; what renews leases waits until others do."""

    def __init__(self) -> None:
        super().__init__(AHEAD)
        self.passed: Callable[[], Awaitable[None]] | None = None

    async def sleep(self, seconds: float) -> None:
        task = asyncio.current_task()
        if task and task.get_name().startswith("renew lease"):
            await super().sleep(seconds)
        else:
            await self.pass_time(seconds)

    async def pass_time(self, seconds: float) -> None:
        self.advance(seconds)
        if self.passed:
            await self.passed()


class InterruptedAdapter(FakeAdapter):
    """A provider during whose reading something else happens, at the fetch of this number."""

    def __init__(self, records: Sequence[SourceRecord], at: int, then: Callable[[], Awaitable[None]]) -> None:
        super().__init__(records, PAGE)
        self._at = at
        self._then = then

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        page = await super().fetch_page(request)
        if len(self.requests) == self._at:
            await self._then()
        return page


class OutageWorld:
    """One process of the app, its services, and what a test wants to know of them."""

    def __init__(
        self,
        sync: SyncWorld,
        services: Services,
        bench: Bench,
        clock: PassingClock,
        outage: Outage,
        *,
        begins_at_once: bool,
    ) -> None:
        self.outage = outage
        self._sync = sync
        self._cosmos = services.cosmos
        self._begins_at_once = begins_at_once
        self._bench = bench
        self._clock = clock
        self._queue: BrokerQueue = bench.broker.queues[SYNC_INBOUND_SCHEDULED]
        self._receiver: MessageReceiver | None = None

    @property
    def seconds(self) -> float:
        """How long everything has taken so far."""
        return self._clock.monotonic()

    @property
    def dead_letters(self) -> int:
        return len(self._queue.dead_letters.messages)

    async def load(self) -> SyncExecution:
        """Run a full sync, and be its host until the queue is empty and the trouble over."""
        integration = await self._integration_with_key()
        if self._begins_at_once:
            await self.outage.begin()
        run = await self._sync.requests.start(integration, SyncMode.FULL, Trigger.MANUAL, "request-1")
        while self._queue.messages or not self.outage.is_over:
            assert self.seconds < _LONGEST_SECONDS, "the run does not end"
            await self._handle_next()
            await self._clock.pass_time(_SECONDS_A_MESSAGE)
        return await self._sync.executions.get(TENANT, run.id)

    async def _integration_with_key(self) -> Integration:
        """Return an integration whose provider asks for a key: its first step has to read it in the vault."""
        self._sync.adapters.fields = ("apiKey",)
        integration = await self._sync.add_integration()
        provider = await self._sync.providers.get(integration.provider_category, integration.provider_id)
        name, stored = await self._sync.vault.put(integration, provider, {"apiKey": "key"}, "ada")
        return await self._sync.integrations.replace(
            integration.changed(credential_secret_name=name, credential_version=stored.version)
        )

    def shards(self) -> dict[str, tuple[str, float]]:
        """Return name and size of every stored shard, by its record's id."""
        return {
            shard["source"]["externalId"]: (shard["data"]["name"], shard["data"]["size"])
            for shard in self._cosmos.stored("shards")
        }

    async def _handle_next(self) -> None:
        if not self._queue.has_ready:
            return
        try:
            self._receiver = self._receiver or await self._bench.source.open(SYNC_INBOUND_SCHEDULED)
            messages = await self._receiver.receive(1, wait_seconds=0)
        except RetryableError:
            return  # the host opens its link again
        for message in messages:
            await self._handle(message)

    async def _handle(self, message: ReceivedMessage) -> None:
        """Do as the Functions host does: whoever returns has done the work, whoever raises has not."""
        assert self._receiver
        step = SyncMessage.model_validate_json(message.body)
        try:
            await run_step(self._sync.sync, step, self._clock)
        except RetryableError:
            settle = self._receiver.abandon
        else:
            self._check_stored(step)
            settle = self._receiver.complete
        try:
            await settle(message)
        except (LeaseLostError, RetryableError):
            return  # it comes again once its lock has run out, or is gone

    def _check_stored(self, step: SyncMessage) -> None:
        """Nothing is acknowledged that isn't stored: neither records, nor what is to be done next."""
        counted = [one["run"]["counts"] for one in self._cosmos.stored("checkpoints") if "run" in one]
        shards = self.shards()
        for counts in counted:
            read = counts["read"]
            assert counts["created"] == read
            assert set(shards) >= {record.external_id for record in self._sync.adapter.records[:read]}
        (run,) = self._cosmos.stored("sync-executions")
        others = [one for one in self._queue.messages.values() if one.message_id != step.message_id]
        assert others or run["status"] == "succeeded"


@asynccontextmanager
async def outage_world(
    folder: Path, records: Sequence[SourceRecord], at: int, trouble: Trouble
) -> AsyncIterator[OutageWorld]:
    """Give a world with a minute of trouble: from the fetch of that number on, or with 0 at once."""
    clock = PassingClock()
    async with AsyncExitStack() as stack:
        cosmos = await stack.enter_async_context(CosmosDouble(clock))
        vault = await stack.enter_async_context(running_vault(folder, clock))
        bench = await stack.enter_async_context(service_bus_bench(clock, retries=0, timeout_seconds=1.5))
        store = await stack.enter_async_context(cosmos_store(cosmos, clock, OPTIONS))
        services = Services(cosmos, bench.broker, vault, random.Random(1))
        outage = Outage(services, trouble, clock)
        clock.passed = _passed(bench.broker, outage)
        adapter = InterruptedAdapter(records, at, outage.begin)
        secrets = await _secrets(vault, clock)
        stack.push_async_callback(secrets.close)

        async def open_secrets() -> SecretStore:
            return secrets

        sync = SyncWorld(
            DyingStore(store), clock, LIMITS, adapter, sender=bench.sender, open_secrets=open_secrets
        )
        yield OutageWorld(sync, services, bench, clock, outage, begins_at_once=at == 0)


async def _secrets(vault: RunningVault, clock: PassingClock) -> KeyVaultSecretStore:
    return await KeyVaultSecretStore.open(
        vault.url,
        FakeCredential(),
        clock,
        timeout_seconds=1.0,
        tls=vault.tls,
        verify_challenge=False,
        random=random.Random(1).random,
    )


def _passed(broker: Broker, outage: Outage) -> Callable[[], Awaitable[None]]:
    async def passed() -> None:
        broker.timeline.catch_up()
        await outage.tick()

    return passed
