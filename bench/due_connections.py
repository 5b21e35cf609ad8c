"""Connections that are due, of three providers, in an embedded document store; their secrets are made up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.token_server import LIMITS
from shared.domain.connection import Connection
from shared.domain.errors import NotFoundError
from shared.domain.integration import Integration, IntegrationStatus
from shared.domain.provider import ProviderDocument
from shared.ports.documents import DocumentStore
from shared.ports.secrets import Secret, SecretVersion
from shared.repositories.connections import ConnectionRepository
from shared.repositories.integrations import IntegrationRepository

TENANTS = 50
FIRST = "1"
"""The version that every secret has which nobody has set."""

_CLIENT = json.dumps({"clientId": "bench", "clientSecret": "bench-secret"})


class MadeUpSecrets:
    """Stands for a secret store elsewhere: what was set is kept, anything else is made of its name."""

    def __init__(self) -> None:
        self._set: dict[str, Secret] = {}
        self._count = 0

    async def set(self, name: str, value: str, tags: Mapping[str, str] | None = None) -> SecretVersion:
        self._count += 1
        version = SecretVersion(
            name, f"s{self._count}", enabled=True, created_at=datetime.now(UTC), tags=tags or {}
        )
        self._set[name] = Secret(version, value)
        return version

    async def get(self, name: str, version: str | None = None) -> Secret:
        found = self._set.get(name)
        if found and version in {None, found.properties.version}:
            return found
        kind = name.partition("-")[0]
        if kind not in {"client", "grant"}:
            raise NotFoundError(f"there is no secret {name}")
        first = SecretVersion(name, FIRST, enabled=True, created_at=datetime.now(UTC), tags={})
        return Secret(first, _CLIENT if kind == "client" else f"refresh-{name}")

    async def versions(self, name: str) -> Sequence[SecretVersion]:
        return [(await self.get(name)).properties]

    async def set_enabled(self, name: str, version: str, *, enabled: bool) -> SecretVersion:
        raise NotImplementedError

    async def names(self, prefix: str = "") -> Sequence[str]:
        raise NotImplementedError

    async def delete(self, name: str) -> bool:
        raise NotImplementedError

    async def recover(self, name: str) -> bool:
        del name  # nothing here is ever deleted
        return False


def providers(url: str) -> list[ProviderDocument]:
    """Return the providers' documents: authorisation code, each with its limit."""
    return [_provider(name, f"{url}/{name}", limit) for name, limit in LIMITS.items()]


def _provider(name: str, url: str, limit: int) -> ProviderDocument:
    auth = {
        "kind": "oauth2AuthorizationCode",
        "authorizationUrl": f"{url}/authorize",
        "tokenUrl": f"{url}/token",
        "limits": {"requestsPerSecond": limit},
    }
    entity = {"list": {"path": "/"}, "id": "id"}
    rest: dict[str, Any] = {"baseUrl": url, "auth": auth, "entities": {"thing": entity}}
    return ProviderDocument(id=name, category="bench", display_name=name, rest=rest)


async def fill(documents: DocumentStore, count: int) -> None:
    """Store so many connections that expire within two hours, shared among the providers by their limits."""
    integrations, connections = IntegrationRepository(documents), ConnectionRepository(documents)
    now = datetime.now(UTC)
    names = [name for name, limit in LIMITS.items() for _ in range(limit // 10)]
    for number in range(count):
        name = names[number % len(names)]
        about = {
            "id": f"i{number}",
            "tenant_id": f"t{number % TENANTS}",
            "provider_id": name,
            "provider_category": "bench",
            "created_at": now,
            "updated_at": now,
        }
        await integrations.create(
            Integration.model_validate(
                {
                    **about,
                    "name": f"Things {number}",
                    "status": IntegrationStatus.ACTIVE,
                    "credential_secret_name": f"client-{number}",
                    "credential_version": FIRST,
                }
            )
        )
        await connections.create(
            Connection.model_validate(
                {
                    **about,
                    "integration_id": f"i{number}",
                    "auth_kind": "oauth2AuthorizationCode",
                    "secret_name": f"grant-{number}",
                    "secret_version": FIRST,
                    "expires_at": now + timedelta(seconds=7200 * number / count),
                    "refreshed_at": now - timedelta(hours=23),
                    "connected_at": now - timedelta(days=30),
                }
            )
        )
