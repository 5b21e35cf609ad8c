"""The composition root: the one place where ports get their backends and services get their ports.

Everything is built at the first use and imported no earlier: an exception while the host imports the app
would make its functions vanish without a word, and a cold start should only pay for what it uses.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.backends.opened import Backends
from shared.bootstrap.connections import assemble_connections, assemble_deletion
from shared.config import Settings, SyncLimits, load_settings
from shared.domain.errors import ConfigurationError
from shared.domain.provider import ProviderDocument
from shared.ports.adapter import AdapterSource
from shared.ports.clock import Clock
from shared.ports.documents import DocumentStore
from shared.ports.identity import TokenVerifier
from shared.ports.queue import MessageSource
from shared.repositories.active_runs import ActiveRunRepository
from shared.repositories.checkpoints import CheckpointRepository
from shared.repositories.connections import ConnectionRepository
from shared.repositories.dead_letters import DeadLetterRepository
from shared.repositories.executions import ExecutionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.keyed_requests import KeyedRequestRepository
from shared.repositories.notifications import NotificationRepository
from shared.repositories.providers import ProviderRepository
from shared.repositories.quarantine import QuarantineRepository
from shared.repositories.seen_marks import SeenMarks
from shared.repositories.shards import ShardRepository
from shared.resilience.lease import Leases
from shared.resilience.turns import Turns
from shared.services.bulk_replay import BulkReplay
from shared.services.confirmed_deletions import ConfirmedDeletions
from shared.services.connect_callback import ConnectCallback
from shared.services.connect_flow import ConnectFlow
from shared.services.connection_test import ConnectionTester
from shared.services.credential_rotation import CredentialRotation
from shared.services.credentials import CredentialVault
from shared.services.dead_letters import DeadLetters
from shared.services.disconnect import Disconnect
from shared.services.guarded_intake import GuardedIntake
from shared.services.health import Health
from shared.services.held_deletions import HeldDeletions
from shared.services.idempotency import IdempotencyKeys
from shared.services.inbound_sync import InboundSync, StepLimits
from shared.services.integration_deletion import IntegrationDeletion
from shared.services.integrations import Integrations
from shared.services.page_intake import PageIntake
from shared.services.providers import Providers
from shared.services.quarantine import Quarantine
from shared.services.read_ahead import ReadAhead
from shared.services.retaking import Retaking
from shared.services.run_checkpoints import RunCheckpoints
from shared.services.run_records import RunRecords
from shared.services.sweeper import Sweeper
from shared.services.sync_requests import SyncRequests
from shared.services.sync_scheduler import SyncScheduler
from shared.services.sync_turns import SyncTurns
from shared.services.token_sweep import TokenSweep
from shared.services.told_deletions import DeletionGuard
from shared.telemetry.logs import configure_logging, get_logger

_READ_AHEAD_RUNS = 16
"""So many runs keep a page between two steps: at most 32 MB each, and less than 1 MB usually."""

_log = get_logger("bootstrap")

if TYPE_CHECKING:
    from shared.backends.embedded.local_identity import LocalIdentity
    from shared.services.provider_check import ProviderChecker


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the entry points use. `message_source` is for a local host; in Azure the platform receives."""

    clock: Clock
    tokens: TokenVerifier
    message_source: MessageSource
    providers: Providers
    integrations: Integrations
    integration_deletion: IntegrationDeletion
    connections: ConnectionRepository
    connect_flow: ConnectFlow
    connect_callback: ConnectCallback
    disconnect: Disconnect
    token_sweep: TokenSweep
    notifications: NotificationRepository
    is_served_by_tls: bool
    connection_tester: ConnectionTester
    credential_rotation: CredentialRotation
    executions: ExecutionRepository
    shards: ShardRepository
    quarantine: Quarantine
    bulk_replay: BulkReplay
    run_records: RunRecords
    held_deletions: HeldDeletions
    sync_requests: SyncRequests
    sync_scheduler: SyncScheduler
    inbound_sync: InboundSync
    dead_letters: DeadLetters
    health: Health
    idempotency_keys: IdempotencyKeys
    documents: DocumentStore
    warm_up: Callable[[], Awaitable[None]]

    async def check_ready(self) -> None:
        """Return once the document store answers.

        Raises:
            UnavailableError: It does not.
        """
        await self.documents.get("leases", ("system",), "sync-scheduler")


class _Process:
    """This process's runtime, built once and closed once."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.runtime: Runtime | None = None
        self.stack = AsyncExitStack()
        self.warming: asyncio.Task[None] | None = None


_process = _Process()


async def runtime() -> Runtime:
    """Return this process's runtime; the first call builds it from the environment.

    Raises:
        ConfigurationError: Settings are wrong or contradict each other; the message lists every problem.
    """
    if _process.runtime is None:
        async with _process.lock:
            if _process.runtime is None:
                _process.runtime = await _start(load_settings(), _process.stack)
    return _process.runtime


def system_clock() -> Clock:
    """Return the clock of this machine, for who needs time where there may be no runtime."""
    from shared.backends.system_clock import SystemClock

    return SystemClock()


async def close() -> None:
    """Close what `runtime` opened. Idempotent; a later `runtime` starts afresh."""
    warming, _process.warming = _process.warming, None
    if warming:
        warming.cancel()
        await asyncio.gather(warming, return_exceptions=True)
    async with _process.lock:
        _process.runtime = None
        await _process.stack.aclose()


def warm_up() -> None:
    """Begin to open what later work needs, once a process; call it when the first answer is on its way."""
    if _process.warming is None:
        _process.warming = asyncio.create_task(_warm_up(), name="warm-up")


async def _warm_up() -> None:
    """A failure is only told: whoever needs what could not be opened will open it, or see why not."""
    try:
        await (await runtime()).warm_up()
    except Exception as error:  # noqa: BLE001 - nobody waits for it
        _log.warning("The warm-up failed", exc_info=error)


def local_identity() -> LocalIdentity:
    """Return the embedded backend's signer of tokens, for the operator's command line.

    Raises:
        ConfigurationError: Tokens come from elsewhere here.
    """
    settings = load_settings()
    if settings.jwks_url:
        raise ConfigurationError(
            f"Tokens are issued by {settings.jwt_issuer}; ask there. None are made locally."
        )
    from shared.backends.embedded.opening import open_local_identity
    from shared.backends.system_clock import SystemClock

    return open_local_identity(settings, SystemClock())


async def provision() -> Sequence[str]:
    """Make what the app keeps its data in, as far as it is missing; return a line for each thing made.

    Raises:
        ConfigurationError: Settings are wrong, a service refuses, or something there does not fit.
        UnavailableError: A service does not answer.
    """
    settings = load_settings()
    if settings.backend == "embedded":
        return []  # made at the first start
    from shared.backends.azure.provisioning import provision_azure
    from shared.backends.system_clock import SystemClock

    return await provision_azure(settings, SystemClock())


@asynccontextmanager
async def provider_checker(*, allow_private_addresses: bool) -> AsyncIterator[ProviderChecker]:
    """Give a checker of providers' documents, which needs neither store nor settings."""
    from shared.adapters.registry import AdapterRegistry
    from shared.backends.system_clock import SystemClock
    from shared.services.provider_check import ProviderChecker

    clock = SystemClock()
    adapters = AdapterRegistry(clock, allow_private_addresses=allow_private_addresses)
    try:
        yield ProviderChecker(adapters, clock)
    finally:
        await adapters.close()


async def _start(settings: Settings, stack: AsyncExitStack) -> Runtime:
    from shared.backends.system_clock import SystemClock

    configure_logging(settings.log_level, through_host=settings.backend == "azure")
    # SQLite's threads wait for the interpreter several times a batch, 5 ms each while the loop computes: so a
    # first load takes a tenth less time.
    sys.setswitchinterval(0.0005)
    # A page is thousands of small objects that live for milliseconds and hold no cycles: looking through them
    # for cycles at every 700th costs a sixth of a sync.
    gc.set_threshold(50_000, 20, 20)
    try:
        clock = SystemClock()
        return _assemble(settings, await _open_backends(settings, clock, stack), clock, stack)
    except BaseException:
        await stack.aclose()
        raise


async def _open_backends(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Backends:
    match settings.backend:
        case "embedded":
            from shared.backends.embedded.opening import open_embedded

            return await open_embedded(settings, clock, stack)
        case "azure":
            from shared.backends.azure.opening import open_azure

            return await open_azure(settings, clock, stack)


class _Repositories:
    """What the services read and write, over one store."""

    def __init__(self, documents: DocumentStore, clock: Clock) -> None:
        self.integrations = IntegrationRepository(documents)
        self.executions = ExecutionRepository(documents)
        self.shards = ShardRepository(documents)
        self.providers = ProviderRepository(documents, _shipped_providers, clock)
        self.active_runs = ActiveRunRepository(documents, self.executions, clock)
        self.checkpoints = CheckpointRepository(documents, clock)
        self.quarantine = QuarantineRepository(documents)
        self.seen_marks = SeenMarks(documents, clock)


def _assemble(settings: Settings, backends: Backends, clock: Clock, stack: AsyncExitStack) -> Runtime:
    adapters = _adapters(settings, clock, stack)
    vault = CredentialVault(backends.secrets, adapters, clock)
    documents = backends.documents
    of = _Repositories(documents, clock)
    integrations, providers, active_runs = of.integrations, of.providers, of.active_runs
    leases = Leases(documents, clock, owner=_new_id())
    requests = SyncRequests(of.executions, active_runs, backends.sender, clock, _new_id)
    records = RunRecords(of.executions, integrations, of.checkpoints, active_runs, clock)
    intake = PageIntake(of.shards, of.quarantine, clock)
    ahead = ReadAhead(clock, _READ_AHEAD_RUNS if backends.is_one_process else 0)
    stack.push_async_callback(ahead.close)
    checkpoints = RunCheckpoints(of.checkpoints)
    retaking = Retaking(of.quarantine, of.shards, intake)
    sweeper = Sweeper(of.shards, of.seen_marks, checkpoints, clock)
    connections = assemble_connections(
        backends=backends,
        vault=vault,
        adapters=adapters,
        integrations=integrations,
        providers=providers,
        callback_url=settings.callback_url,
        leases=leases,
        clock=clock,
        stack=stack,
    )
    credentials = connections.access_tokens
    inbound = InboundSync(
        integrations=integrations,
        providers=providers,
        records=records,
        checkpoints=checkpoints,
        intake=GuardedIntake(intake, DeletionGuard(of.shards, of.quarantine, clock), of.quarantine),
        sweeper=sweeper,
        confirmed=ConfirmedDeletions(of.quarantine, intake, sweeper, checkpoints),
        adapters=adapters,
        vault=credentials,
        leases=leases,
        turns=SyncTurns(Turns(documents, clock), requests, settings.sync_limits.max_concurrent_syncs),
        requests=requests,
        ahead=ahead,
        limits=_step_limits(settings.sync_limits),
        clock=clock,
    )
    tester = ConnectionTester(integrations, providers, adapters, credentials, clock)
    return Runtime(
        clock=clock,
        tokens=backends.tokens,
        message_source=backends.source,
        providers=Providers(providers, integrations, adapters, clock),
        integrations=Integrations(integrations, providers, adapters, vault, connections.lookup, clock),
        integration_deletion=assemble_deletion(
            documents=documents,
            integrations=integrations,
            active_runs=active_runs,
            records=records,
            connections=connections,
            vault=vault,
            leases=leases,
            clock=clock,
        ),
        connections=connections.connections,
        connect_flow=connections.flow,
        connect_callback=connections.callback,
        disconnect=connections.disconnect,
        token_sweep=connections.sweep,
        notifications=connections.notifications,
        is_served_by_tls=(settings.callback_url or "").startswith("https:"),
        connection_tester=tester,
        credential_rotation=CredentialRotation(
            integrations, providers, vault, adapters, tester, credentials, leases, clock
        ),
        executions=of.executions,
        shards=of.shards,
        quarantine=Quarantine(of.quarantine, integrations, retaking, leases, _new_id),
        bulk_replay=BulkReplay(of.quarantine, integrations, retaking, leases, clock, _new_id),
        run_records=records,
        held_deletions=HeldDeletions(of.executions, integrations, checkpoints, of.quarantine, requests),
        sync_requests=requests,
        sync_scheduler=SyncScheduler(integrations, of.executions, requests, leases, clock),
        inbound_sync=inbound,
        dead_letters=DeadLetters(DeadLetterRepository(documents), inbound, clock),
        health=Health(integrations, connections.connections, clock),
        idempotency_keys=IdempotencyKeys(KeyedRequestRepository(documents), clock, _new_id),
        documents=documents,
        warm_up=backends.warm_up,
    )


def _step_limits(limits: SyncLimits) -> StepLimits:
    """Begin no page in the last fifth of the time-out, and end well before the host would end the process."""
    seconds = limits.sync_timeout_seconds
    return StepLimits(limits.max_records_per_sync, 0.8 * seconds, 0.95 * seconds)


def _adapters(settings: Settings, clock: Clock, stack: AsyncExitStack) -> AdapterSource:
    from shared.adapters.registry import AdapterRegistry

    registry = AdapterRegistry(clock, allow_private_addresses=settings.providers_may_be_private)
    stack.push_async_callback(registry.close)
    return registry


def _shipped_providers() -> Sequence[ProviderDocument]:
    from shared.adapters.catalog.catalog import shipped_providers

    return shipped_providers()


def _new_id() -> str:
    return uuid.uuid4().hex
