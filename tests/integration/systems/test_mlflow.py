"""MLflow's tracking server: everything by POST, the page token and a filter expression in the body."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.systems.installs import python_packages
from tests.integration.systems.scenario import HERE, Connection, connected, report_of
from tests.integration.systems.server import Api, free_port, running
from tests.unit.functions.live_app import LiveApp

PACKAGES = (
    "mlflow-skinny==3.17.2",  # with what its server imports: the whole has 850 MB
    *("aiohttp>=3,<4", "alembic>=1,<2", "flask>=3,<4", "flask-cors>=6,<7"),
    *("numpy>=2,<3", "pandas>=2,<4", "sqlalchemy>=2,<3", "sqlparse>=0.5,<1"),
)
ENVIRONMENT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
EXPERIMENTS = 220
"""At least; more where they are made so fast that one look-back would have them all."""
LOOK_BACK_SECONDS = 5


class Tracking:
    """A tracking server, as its users write it."""

    def __init__(self, api: Api, url: str) -> None:
        self._api = api
        fields = {"name": "name", "kind": {"jmespath": "tags[?key == 'kind'] | [0].value"}}
        self.connection = Connection(HERE / "mlflow.yaml", "experiment", {"serverUrl": url}, fields)

    async def create(self, name: str) -> str:
        """Create an experiment; return its id."""
        tags = [{"key": "kind", "value": "tést"}]
        answer = await self._experiments("create", {"name": name, "tags": tags})
        identity: str = answer["experiment_id"]
        return identity

    async def rename(self, identity: str, name: str) -> None:
        """Give an experiment another name."""
        await self._experiments("update", {"experiment_id": identity, "new_name": name})

    async def delete(self, identity: str) -> None:
        """Mark an experiment as deleted."""
        await self._experiments("delete", {"experiment_id": identity})

    async def restore(self, identity: str) -> None:
        """Take a deletion back."""
        await self._experiments("restore", {"experiment_id": identity})

    async def age_seconds(self) -> float:
        """Return how much younger the last experiment is than the first."""
        times: list[int] = [each["creation_time"] for each in await self._living()]
        return (max(times) - min(times)) / 1000

    async def content(self) -> dict[str, dict[str, Any]]:
        return {each["experiment_id"]: mapped(each) for each in await self._living()}

    async def _living(self) -> list[dict[str, Any]]:
        answer = await self._experiments("search", {"max_results": 5000})
        found: list[dict[str, Any]] = answer["experiments"]
        return found

    async def _experiments(self, verb: str, body: dict[str, Any]) -> Any:
        return await self._api.call("POST", f"/api/2.0/mlflow/experiments/{verb}", body)


def mapped(experiment: dict[str, Any]) -> dict[str, Any]:
    tags = {tag["key"]: tag["value"] for tag in experiment.get("tags", [])}
    return {"name": experiment["name"], **tags}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    program = str(python_packages(*PACKAGES) / "mlflow")
    url = f"http://127.0.0.1:{(port := free_port())}"
    options = ["--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db", "--port", str(port)]
    with running([program, "server", *options, "--workers", "1"], f"{url}/health", tmp_path, ENVIRONMENT):
        yield url


@pytest.fixture
async def tracking(server: str) -> AsyncIterator[Tracking]:
    async with aiohttp.ClientSession(server) as session:
        opened = Tracking(Api(session), server)
        number = 0
        while number < EXPERIMENTS or await opened.age_seconds() < LOOK_BACK_SECONDS * 2:
            await opened.create(f"Experiment {number}")
            number += 1
        yield opened


async def test_copy_follows_the_server(
    app: LiveApp, tracking: Tracking, capsys: pytest.CaptureFixture[str]
) -> None:
    """Changes, deletions and their withdrawal come with the run after each."""
    copy = await connected(app, tracking.connection)
    experiments = len(await tracking.content())
    assert await copy.sync() == {"read": experiments, "created": experiments}
    assert await copy.shards() == await tracking.content()
    again = await copy.sync()
    assert again["read"] == again["unchanged"] < experiments
    await tracking.rename("7", "Seven")
    await tracking.delete("8")
    await tracking.create("New")
    changed = await copy.sync()
    assert (changed["created"], changed["updated"], changed["deleted"]) == (1, 1, 1)
    assert await copy.shards() == await tracking.content()
    await tracking.restore("8")
    await copy.sync()
    assert await copy.shards() == await tracking.content()
    assert "8" in await copy.shards()
    report = await report_of(tracking.connection, capsys)
    assert (report["records"], report["repeatedIds"]) == (experiments + 1, 0)
