"""The part of the composition root that is about connections: who signs in where, and stays signed in."""

from __future__ import annotations

import os
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass

from shared.backends.opened import Backends
from shared.bootstrap.repositories import Repositories
from shared.ports.adapter import AdapterSource
from shared.ports.clock import Clock
from shared.repositories.deletions import DeletionRepository
from shared.repositories.oauth_states import OAuthStateRepository
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
    flow: ConnectFlow
    callback: ConnectCallback
    disconnect: Disconnect
    sweep: TokenSweep


def assemble_connections(
    of: Repositories,
    backends: Backends,
    vault: CredentialVault,
    adapters: AdapterSource,
    callback_url: str | None,
    leases: Leases,
    clock: Clock,
    stack: AsyncExitStack,
) -> ConnectionServices:
    """Give each service its ports; what has to be closed goes onto the stack."""
    integrations, providers, connections = of.integrations, of.providers, of.connections
    sealer, grants = Sealer(backends.secrets), GrantVault(backends.secrets)
    stored_tokens = StoredTokenRepository(backends.documents)
    shared_tokens = SharedTokens(stored_tokens, sealer, clock)
    states = ConnectionStates(connections, integrations, Notifications(of.notifications), clock)
    saving = Retry(RetryPolicy(max_attempts=10), clock=clock, random=random.random)
    stores = RefreshStores(vault, grants, shared_tokens, connections, integrations)
    refresh = TokenRefresh(stores, states, leases, saving, clock)
    granted = GrantedConnections(connections, grants, states, saving, clock)
    lookup = ConnectionLookup(
        granted=granted, connections=connections, adapters=adapters, leases=leases, clock=clock
    )
    tokens = AccessTokens(vault, adapters, lookup, refresh, clock)
    stack.push_async_callback(tokens.close)
    disconnect = Disconnect(
        connections=connections,
        tokens=stored_tokens,
        integrations=integrations,
        providers=providers,
        grants=grants,
        vault=vault,
        adapters=adapters,
        leases=leases,
        clock=clock,
    )
    flows = ConnectStores(integrations, providers, OAuthStateRepository(backends.documents))
    callback = ConnectCallback(
        stores=flows,
        connections=connections,
        vault=vault,
        adapters=adapters,
        sealer=sealer,
        granted=granted,
        tokens=shared_tokens,
        disconnect=disconnect,
        leases=leases,
        clock=clock,
    )
    stack.push_async_callback(callback.close)
    flow = ConnectFlow(flows, vault, adapters, sealer, callback_url, os.urandom, clock)
    sweep = _sweep(of, adapters, refresh, leases, clock)
    return ConnectionServices(tokens, lookup, flow, callback, disconnect, sweep)


def assemble_deletion(
    of: Repositories,
    backends: Backends,
    records: RunRecords,
    connections: ConnectionServices,
    vault: CredentialVault,
    leases: Leases,
    clock: Clock,
) -> IntegrationDeletion:
    """Give the deletion of integrations its ports: it ends connections and runs."""
    steps = DeletionSteps(
        integrations=of.integrations,
        connections=of.connections,
        checkpoints=of.checkpoints,
        quarantine=of.quarantine,
        active_runs=of.active_runs,
        records=records,
        disconnect=connections.disconnect,
        vault=vault,
        leases=leases,
        clock=clock,
    )
    deletions = DeletionRepository(backends.documents)
    return IntegrationDeletion(deletions, of.integrations, steps, leases, clock)


def _sweep(
    of: Repositories, adapters: AdapterSource, refresh: TokenRefresh, leases: Leases, clock: Clock
) -> TokenSweep:
    return TokenSweep(
        connections=of.connections,
        integrations=of.integrations,
        providers=of.providers,
        adapters=adapters,
        refresh=refresh,
        leases=leases,
        clock=clock,
    )
