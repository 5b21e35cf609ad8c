"""`python -m ops provision`, run as the operator runs it, against the doubles and Azurite."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from shared.backends.azure.cosmos_client import CosmosConnection
from shared.backends.azure.cosmos_provision import provision
from shared.backends.system_clock import SystemClock
from shared.domain.containers import CONTAINERS, Container
from tests.doubles.azurite import running_azurite
from tests.doubles.cloud import COSMOS_KEY, LocalCloud, local_cloud

ROOT = Path(__file__).parents[2]
DATABASE = "trial"

pytestmark = pytest.mark.node


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[LocalCloud]:
    with running_azurite(tmp_path) as url:
        async with local_cloud(tmp_path, SystemClock(), blobs_url=url) as made:
            trial = {"INTEGRATIONS_COSMOS_DATABASE": DATABASE, "INTEGRATIONS_BLOB_CONTAINER": "trial"}
            made.environment.update(trial)
            yield made


async def run(variables: Mapping[str, str]) -> tuple[int | None, str, str]:
    """Run the program; return its exit code and what it printed to stdout and stderr."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INTEGRATIONS_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ops", "provision"),
        cwd=ROOT,
        env={**kept, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_what_is_missing_is_made_once(cloud: LocalCloud) -> None:
    """Every declared container and the archive's; the second time there is nothing to do."""
    code, out, _ = await run(cloud.environment)
    assert code == 0
    assert out.splitlines() == [
        *(f"Cosmos DB container {name}" for name in CONTAINERS),
        "Blob container trial",
    ]
    assert await run(cloud.environment) == (0, "Nothing was missing.\n", "")


async def test_a_container_that_does_not_fit_is_told(cloud: LocalCloud) -> None:
    """It stays as it is, and the operator hears which and why."""
    name = next(iter(CONTAINERS))
    connection = await CosmosConnection.open(cloud.cosmos.endpoint, COSMOS_KEY, DATABASE)
    try:
        await provision(connection, [Container(name, ("elsewhere",))])
    finally:
        await connection.close()

    code, _, err = await run(cloud.environment)
    assert code == 2
    assert f"Container {name} has the partition key ['/elsewhere']" in err


async def test_an_account_that_does_not_answer_is_told(cloud: LocalCloud) -> None:
    """Nobody has to read a stack to learn that the address is wrong or the service is down."""
    code, out, err = await run({**cloud.environment, "INTEGRATIONS_COSMOS_ENDPOINT": "http://127.0.0.1:9/"})
    assert (code, out) == (1, "")
    assert "Traceback" not in err
    assert "Cosmos DB" in err


async def test_embedded_needs_nothing(tmp_path: Path) -> None:
    """A laptop's store makes itself at the first start."""
    assert await run({"INTEGRATIONS_DATA_DIR": str(tmp_path)}) == (0, "Nothing was missing.\n", "")
