"""The document stores that the contract holds for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.ports.documents import DocumentStore
from tests.contract.cosmosdb_server import CosmosdbServer, running_server, skip_if_it_differs
from tests.contract.document_reading import new_tenant
from tests.doubles.cosmos import CosmosDouble
from tests.fakes.clock import FakeClock
from tests.fakes.cosmos_store import SPLITS, cosmos_store


@dataclass(frozen=True)
class Backend:
    """A store with every declared container; `clock` moves its time, or is None where nobody can."""

    store: DocumentStore
    clock: FakeClock | None


@asynccontextmanager
async def _sqlite(folder: Path) -> AsyncIterator[Backend]:
    clock = FakeClock()
    store = await SqliteDocumentStore.open(folder / "documents.db", clock)
    try:
        yield Backend(store, clock)
    finally:
        await store.close()


@asynccontextmanager
async def _cosmos(splits: tuple[str, ...] = ()) -> AsyncIterator[Backend]:
    clock = FakeClock()
    async with CosmosDouble(clock, splits=splits) as cosmos, cosmos_store(cosmos, clock) as store:
        yield Backend(store, clock)


BACKENDS: Mapping[str, Callable[[Path], AbstractAsyncContextManager[Backend]]] = {
    "sqlite": _sqlite,
    "cosmos": lambda _: _cosmos(),
    "cosmos-split": lambda _: _cosmos(SPLITS),
}


@pytest.fixture(scope="session")
def cosmosdb_server() -> Iterator[CosmosdbServer]:
    with running_server() as server:
        yield server


@pytest.fixture(params=[*BACKENDS, pytest.param("cosmosdb-server", marks=pytest.mark.node)])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    if request.param in BACKENDS:
        async with BACKENDS[request.param](tmp_path) as opened:
            yield opened
        return
    skip_if_it_differs(request.function.__name__)
    server: CosmosdbServer = request.getfixturevalue("cosmosdb_server")
    async with server.store() as store:
        yield Backend(store, None)


@pytest.fixture
def documents(backend: Backend) -> DocumentStore:
    return backend.store


@pytest.fixture
def document_clock(backend: Backend) -> FakeClock:
    if backend.clock is None:
        pytest.skip("this backend's time is its own")
    return backend.clock


@pytest.fixture
def tenant() -> str:
    return new_tenant()
