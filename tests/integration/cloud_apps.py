"""Two instances of the app in azure mode on the doubles of its services: one may die, the other goes on."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from shared.backends.azure.cosmos_documents import CosmosDocumentStore
from shared.backends.system_clock import SystemClock
from shared.ports.documents import Query
from tests.doubles.cloud import COSMOS_KEY, DATABASE, LocalCloud
from tests.integration.app_process import AppProcess

LONG_AGO = "2000-01-01T00:00:00.000000Z"


class CloudApps:
    """To be used as if it were one app (see `AppProcess`): what dies is the first instance, never the second.

    Args:
        folder: For logs.
        session: For calls to the API.
        environment: `development`, `staging` or `production`: how much one message does.
        cloud: The services.
    """

    def __init__(
        self, folder: Path, session: aiohttp.ClientSession, environment: str, cloud: LocalCloud
    ) -> None:
        self._folder = folder
        self._session = session
        self._environment = environment
        self._cloud = cloud
        self._tenants = 0
        self._renew()

    async def __aenter__(self) -> Self:
        self._store = await CosmosDocumentStore.open(
            self._cloud.cosmos.endpoint, COSMOS_KEY, DATABASE, SystemClock()
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._heir.kill()
        await self._store.close()

    @property
    def is_dead(self) -> bool:
        """True once the first instance has ended, however it did."""
        return self._mortal.is_dead

    async def start(self, *death: str) -> None:
        """Start the first instance if it is to die; without a death the second goes on alone."""
        if self._heir.is_dead:
            await self._heir.start()
        if death:
            await self._mortal.start(*death)
        else:
            await self._let_leases_run_out()

    async def wait_for_death(self) -> None:
        """Return once the first instance has ended."""
        await self._mortal.wait_for_death()

    def kill(self) -> None:
        """End the first instance at once. Idempotent."""
        self._mortal.kill()

    def forget(self) -> None:
        """Go on as another tenant, of whom nothing is stored."""
        self._heir.kill()
        self._renew()

    async def add_provider(self, document: dict[str, Any]) -> None:
        """Add a provider to the catalogue, as a super admin."""
        token = self._cloud.identity.issue("root", None, ["super_admin"])
        await self._heir.call("POST", "providers", document, token)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API: of the first instance where it starts something, else of the second."""
        changes = method != "GET" and not self._mortal.is_dead
        return await (self._mortal if changes else self._heir).call(method, path, body)

    async def finished(self, execution_id: str) -> dict[str, Any]:
        """Return the run once it has ended."""
        return await self._heir.finished(execution_id)

    async def shards(self, integration_id: str) -> dict[str, dict[str, Any]]:
        """Return the data of every live shard of the integration, by its record's id."""
        return await self._heir.shards(integration_id)

    async def quarantined(self, integration_id: str) -> list[str]:
        """Return the ids of the records that were put aside, each as often as it is there."""
        return await self._heir.quarantined(integration_id)

    async def run_timer(self, name: str) -> None:
        """Run a timer function of the second instance now."""
        await self._heir.run_timer(name)

    async def let_silence_pass(self) -> None:
        """Make unfinished runs overdue, as they are after a quarter of an hour."""
        await self._change("sync-executions", {"expectedBy": LONG_AGO})

    async def _let_leases_run_out(self) -> None:
        """Do what a minute does to the leases of the dead."""
        await self._change("leases", {"expiresAt": LONG_AGO})

    async def _change(self, container: str, fields: dict[str, str]) -> None:
        page = await self._store.query(container, Query((self._tenant,), limit=100))
        for document in page.items:
            await self._store.put(container, {**document.body, **fields}, if_match=document.etag)

    def _renew(self) -> None:
        self._tenants += 1
        self._tenant = f"tenant{self._tenants}"
        self._mortal, self._heir = self._instance("mortal"), self._instance("heir")

    def _instance(self, name: str) -> AppProcess:
        folder = self._folder / f"{name}-{self._tenants}"
        folder.mkdir()
        token = self._cloud.identity.issue("ada", self._tenant, ["tenant_admin"])
        variables = {**self._cloud.environment, "INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES": "true"}
        return AppProcess(folder, self._session, self._environment, variables, token)
