"""The part of the composition root that is about connections: who signs in where, and stays signed in."""

from __future__ import annotations

import os
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass

from shared.backends.opened import Backends
from shared.ports.adapter import AdapterSource
from shared.ports.clock import Clock
from shared.ports.documents import DocumentStore
from shared.repositories.active_runs import ActiveRunRepository
from shared.repositories.checkpoints import CheckpointRepository
from shared.repositories.connections import ConnectionRepository
from shared.repositories.deletions import DeletionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.notifications import NotificationRepository
from shared.repositories.oauth_states import OAuthStateRepository
from shared.repositories.providers import ProviderRepository
from shared.repositories.quarantine import QuarantineRepository
from shared.repositories.stored_tokens import StoredTokenRepository
from shared.resilience.lease import Leases
from shared.resilience.retry import Retry, RetryPolicy
from shared.services.access_tokens import AccessTokens
from shared.services.connect_callback import ConnectCallback
from shared.services.connect_flow import ConnectFlow, ConnectStores
from shared.services.connection_lookup import ConnectionLookup
from shared.services.connection_states import ConnectionStates
from shared.services.credentials import CredentialVault
from shared.services.deletion_steps import DeletionSteps
from shared.services.disconnect import Disconnect
from shared.services.grant_vault import GrantVault
from shared.services.granted_connections import GrantedConnections
from shared.services.integration_deletion import IntegrationDeletion
from shared.services.notifications import Notifications
from shared.services.run_records import RunRecords
from shared.services.sealing import Sealer
from shared.services.shared_tokens import SharedTokens
from shared.services.token_refresh import RefreshStores, TokenRefresh
from shared.services.token_sweep import TokenSweep


@dataclass(frozen=True, slots=True)
class ConnectionServices:
    """What the rest of the app uses of it."""

    access_tokens: AccessTokens
    lookup: ConnectionLookup
    refresh: TokenRefresh
    connections: ConnectionRepository
    flow: ConnectFlow
    callback: ConnectCallback
    disconnect: Disconnect
    sweep: TokenSweep
    notifications: NotificationRepository


def assemble_connections(
    *,
    backends: Backends,
    vault: CredentialVault,
    adapters: AdapterSource,
    integrations: IntegrationRepository,
    providers: ProviderRepository,
    callback_url: str | None,
    leases: Leases,
    clock: Clock,
    stack: AsyncExitStack,
) -> ConnectionServices:
    """Give each service its ports; what has to be closed goes onto the stack."""
    connections = ConnectionRepository(backends.documents)
    grants = GrantVault(backends.secrets)
    stored_tokens, sealer = StoredTokenRepository(backends.documents), Sealer(backends.secrets)
    shared_tokens = SharedTokens(stored_tokens, sealer, clock)
    notifications = NotificationRepository(backends.documents)
    states = ConnectionStates(connections, integrations, Notifications(notifications), clock)
    saving = Retry(RetryPolicy(max_attempts=10), clock=clock, random=random.random)
    stores = RefreshStores(vault, grants, shared_tokens, connections, integrations)
    refresh = TokenRefresh(stores, states, leases, saving, clock)
    granted = GrantedConnections(connections, grants, states, clock)
    lookup = ConnectionLookup(
        granted=granted,
        connections=connections,
        adapters=adapters,
        leases=leases,
        clock=clock,
    )
    tokens = AccessTokens(vault, adapters, lookup, refresh, clock)
    stack.push_async_callback(tokens.close)
    flows = ConnectStores(integrations, providers, OAuthStateRepository(backends.documents))
    callback = ConnectCallback(
        stores=flows,
        connections=connections,
        vault=vault,
        adapters=adapters,
        sealer=sealer,
        granted=granted,
        tokens=shared_tokens,
        leases=leases,
        clock=clock,
    )
    stack.push_async_callback(callback.close)
    return ConnectionServices(
        access_tokens=tokens,
        lookup=lookup,
        refresh=refresh,
        connections=connections,
        flow=ConnectFlow(flows, vault, adapters, sealer, callback_url, os.urandom, clock),
        callback=callback,
        disconnect=Disconnect(
            connections=connections,
            tokens=stored_tokens,
            integrations=integrations,
            providers=providers,
            grants=grants,
            vault=vault,
            adapters=adapters,
            leases=leases,
            clock=clock,
        ),
        sweep=TokenSweep(
            connections=connections,
            integrations=integrations,
            providers=providers,
            adapters=adapters,
            refresh=refresh,
            leases=leases,
            clock=clock,
        ),
        notifications=notifications,
    )


def assemble_deletion(
    *,
    documents: DocumentStore,
    integrations: IntegrationRepository,
    active_runs: ActiveRunRepository,
    records: RunRecords,
    connections: ConnectionServices,
    vault: CredentialVault,
    leases: Leases,
    clock: Clock,
) -> IntegrationDeletion:
    """Give the deletion of integrations its ports: it ends connections and runs."""
    steps = DeletionSteps(
        integrations=integrations,
        connections=ConnectionRepository(documents),
        checkpoints=CheckpointRepository(documents, clock),
        quarantine=QuarantineRepository(documents),
        active_runs=active_runs,
        records=records,
        disconnect=connections.disconnect,
        vault=vault,
        leases=leases,
        clock=clock,
    )
    return IntegrationDeletion(DeletionRepository(documents), integrations, steps, leases, clock)
