"""Providers that are kept in memory for a while."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.domain.errors import NotFoundError
from shared.domain.provider import Provider
from shared.repositories.providers import RECENT_SECONDS, ProviderRepository
from tests.fakes.clock import START, FakeClock


class Processes:
    """Two processes' repositories over one store."""

    def __init__(self, store: SqliteDocumentStore, clock: FakeClock) -> None:
        self.clock = clock
        self.here = ProviderRepository(store, list, clock)
        self.there = ProviderRepository(store, list, clock)


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[Processes]:
    clock = FakeClock()
    store = await SqliteDocumentStore.open(tmp_path / "documents.db", clock)
    try:
        made = Processes(store, clock)
        await made.here.create(
            Provider(
                id="fake", category="test", display_name="First", rest={}, created_at=START, updated_at=START
            )
        )
        yield made
    finally:
        await store.close()


async def name(providers: ProviderRepository) -> str:
    return (await providers.recent("test", "fake")).display_name


async def rename(providers: ProviderRepository, display_name: str) -> None:
    await providers.save((await providers.get("test", "fake")).changed(display_name=display_name))


async def test_a_change_made_here_is_seen_at_once(processes: Processes) -> None:
    """What was remembered is forgotten with the change."""
    assert await name(processes.here) == "First"
    await rename(processes.here, "Second")
    assert await name(processes.here) == "Second"


async def test_a_change_made_elsewhere_is_seen_after_a_while(processes: Processes) -> None:
    """Until then the former version is given, without asking the store."""
    assert await name(processes.here) == "First"
    await rename(processes.there, "Second")
    processes.clock.advance(RECENT_SECONDS - 0.1)
    assert await name(processes.here) == "First"
    processes.clock.advance(0.1)
    assert await name(processes.here) == "Second"


async def test_a_deleted_provider_is_gone_at_once(processes: Processes) -> None:
    """Nobody syncs by a document that its operator has just removed."""
    assert await name(processes.here) == "First"
    await processes.here.delete(await processes.here.get("test", "fake"))
    with pytest.raises(NotFoundError):
        await name(processes.here)
