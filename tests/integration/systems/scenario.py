"""What every system is put through: a first run, one without changes, and one after changes and deletions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

from ops.__main__ import main
from shared.adapters.registry import AdapterRegistry
from shared.domain.caller import Role
from shared.domain.integration import Integration
from shared.domain.provider import Provider
from shared.ports.adapter import Adapter, Credentials
from tests.fakes.clock import START, FakeClock
from tests.unit.functions.live_app import Client, LiveApp

HERE = Path(__file__).parent
CATALOG = HERE.parents[2] / "shared/adapters/catalog"
RUN_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Connection:
    """What an integration with a system needs.

    Attributes:
        document: The provider's document: a file beside this one, or a shipped one.
        fields: The mapping: the record's paths by the shard's fields.
    """

    document: Path
    entity: str
    settings: Mapping[str, str]
    fields: Mapping[str, Any]
    credentials: Mapping[str, str] = field(default_factory=dict)


class System(Protocol):
    """A running system with records in it."""

    @property
    def connection(self) -> Connection:
        """How it is reached."""
        ...

    async def content(self) -> dict[str, dict[str, Any]]:
        """Return the mapped fields of all living records by id, from the system's own mouth."""
        ...


class Copy:
    """An integration with a system in a running app."""

    def __init__(self, client: Client, path: str) -> None:
        self._client = client
        self._path = path

    async def sync(self, **order: str) -> dict[str, int]:
        """Run to the end; return what became of the records, without what is none."""
        started = await self._client.call("POST", f"{self._path}/sync", order)
        async with asyncio.timeout(RUN_SECONDS):
            while True:
                run = (await self._client.call("GET", f"executions/{started.body['executionId']}")).body
                if run["status"] not in {"queued", "running"}:
                    break
                await asyncio.sleep(0.05)
        assert run["status"] == "succeeded", run
        return {name: count for name, count in run["counts"].items() if count}

    async def shards(self) -> dict[str, dict[str, Any]]:
        """Return the data of every living shard, by its record's id."""
        found: dict[str, dict[str, Any]] = {}
        continuation: str | None = ""
        while continuation is not None:
            query = f"?limit=200{continuation and '&continuation='}{continuation}"
            page = (await self._client.call("GET", f"{self._path}/shards{query}")).body
            found.update((item["source"]["externalId"], item["data"]) for item in page["items"])
            continuation = page["continuation"]
        return found


async def connected(app: LiveApp, connection: Connection) -> Copy:
    """Add the document, unless it is shipped, and an active integration that maps one entity."""
    document = yaml.safe_load(connection.document.read_bytes())
    if connection.document.parent != CATALOG:
        root = app.client(Role.SUPER_ADMIN, tenant=None)
        added = await root.call("POST", "providers", document)
        assert added.status == 201, added.body
    fields = [{"externalField": source, "shardField": target} for target, source in connection.fields.items()]
    mapping = {"entity": connection.entity, "shardTypeId": connection.entity, "fields": fields}
    new = {"providerId": document["id"], "name": "A system", "entityMappings": [mapping]}
    made = await app.admin.call("POST", "integrations", {**new, "settings": dict(connection.settings)})
    assert made.status == 201, made.body
    path = f"integrations/{made.body['id']}"
    if connection.credentials:
        await app.admin.call("PUT", f"{path}/credentials", {"values": dict(connection.credentials)})
    await app.admin.call("POST", f"{path}/activate")
    return Copy(app.admin, path)


@asynccontextmanager
async def adapter_of(connection: Connection) -> AsyncIterator[Adapter]:
    """Open a line to the system, without an app."""
    stamps = {"createdAt": START, "updatedAt": START}
    document = yaml.safe_load(connection.document.read_bytes())
    provider = Provider.model_validate({**document, **stamps})
    integration = Integration.model_validate(
        {
            **stamps,
            "id": "i1",
            "tenantId": "acme",
            "name": "A system",
            "providerId": provider.id,
            "providerCategory": provider.category,
            "settings": dict(connection.settings),
        }
    )
    registry = AdapterRegistry(FakeClock(), allow_private_addresses=True)
    try:
        yield registry.open(provider, integration, Credentials(connection.credentials))
    finally:
        await registry.close()


async def report_of(connection: Connection, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return what `check-provider` says of the system's entity; it must be content."""
    settings = [f"--setting={name}={value}" for name, value in connection.settings.items()]
    credentials = [f"--credential={name}={value}" for name, value in connection.credentials.items()]
    arguments = ["check-provider", str(connection.document), "--json"]
    arguments += ["--entity", connection.entity, "--pages", "10"]
    code = await asyncio.to_thread(main, [*arguments, *settings, *credentials])
    output = capsys.readouterr().out
    assert code == 0, output
    report: dict[str, Any] = json.loads(output)["entities"][0]
    return report
