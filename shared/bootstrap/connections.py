"""The part of the composition root that is about connections: who signs in where, and stays signed in."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from dataclasses import dataclass

from shared.backends.opened import Backends
from shared.ports.adapter import AdapterSource
from shared.ports.clock import Clock
from shared.repositories.connections import ConnectionRepository
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.notifications import NotificationRepository
from shared.repositories.stored_tokens import StoredTokenRepository
from shared.resilience.lease import Leases
from shared.resilience.retry import Retry, RetryPolicy
from shared.services.access_tokens import AccessTokens
from shared.services.connection_lookup import ConnectionLookup
from shared.services.connection_states import ConnectionStates
from shared.services.credentials import CredentialVault
from shared.services.grant_vault import GrantVault
from shared.services.notifications import Notifications
from shared.services.sealing import Sealer
from shared.services.shared_tokens import SharedTokens
from shared.services.token_refresh import RefreshStores, TokenRefresh


@dataclass(frozen=True, slots=True)
class ConnectionServices:
    """What the rest of the app uses of it."""

    access_tokens: AccessTokens
    lookup: ConnectionLookup
    refresh: TokenRefresh


def assemble_connections(
    *,
    backends: Backends,
    vault: CredentialVault,
    adapters: AdapterSource,
    integrations: IntegrationRepository,
    leases: Leases,
    clock: Clock,
    stack: AsyncExitStack,
) -> ConnectionServices:
    """Give each service its ports; what has to be closed goes onto the stack."""
    connections = ConnectionRepository(backends.documents)
    grants = GrantVault(backends.secrets)
    shared_tokens = SharedTokens(StoredTokenRepository(backends.documents), Sealer(backends.secrets), clock)
    notifications = Notifications(NotificationRepository(backends.documents))
    states = ConnectionStates(connections, integrations, notifications, clock)
    saving = Retry(RetryPolicy(max_attempts=10), clock=clock, random=random.random)
    stores = RefreshStores(vault, grants, shared_tokens, connections, integrations)
    refresh = TokenRefresh(stores, states, leases, saving, clock)
    lookup = ConnectionLookup(
        vault=vault,
        grants=grants,
        connections=connections,
        adapters=adapters,
        states=states,
        leases=leases,
        clock=clock,
    )
    tokens = AccessTokens(vault, adapters, lookup, refresh, clock)
    stack.push_async_callback(tokens.close)
    return ConnectionServices(access_tokens=tokens, lookup=lookup, refresh=refresh)
