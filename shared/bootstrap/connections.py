"""The part of the composition root that is about connections: who signs in where, and stays signed in."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from dataclasses import dataclass

from shared.ports.adapter import AdapterSource
from shared.ports.clock import Clock
from shared.repositories.integrations import IntegrationRepository
from shared.resilience.lease import Leases
from shared.resilience.retry import Retry, RetryPolicy
from shared.services.access_tokens import AccessTokens
from shared.services.credentials import CredentialVault
from shared.services.token_grants import TokenGrants


@dataclass(frozen=True, slots=True)
class ConnectionServices:
    """What the rest of the app uses of it."""

    access_tokens: AccessTokens


def assemble_connections(
    *,
    vault: CredentialVault,
    adapters: AdapterSource,
    integrations: IntegrationRepository,
    leases: Leases,
    clock: Clock,
    stack: AsyncExitStack,
) -> ConnectionServices:
    """Give each service its ports; what has to be closed goes onto the stack."""
    saving = Retry(RetryPolicy(max_attempts=10), clock=clock, random=random.random)
    grants = TokenGrants(vault, integrations, leases, saving, clock)
    tokens = AccessTokens(vault, adapters, grants, clock)
    stack.push_async_callback(tokens.close)
    return ConnectionServices(access_tokens=tokens)
