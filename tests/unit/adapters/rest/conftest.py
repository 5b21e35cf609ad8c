from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.adapters.registry import AdapterRegistry
from tests.fakes.clock import FakeClock
from tests.fakes.provider_server import ProviderServer, provider_server


@pytest.fixture
async def server() -> AsyncIterator[ProviderServer]:
    async with provider_server() as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def registry(clock: FakeClock) -> AsyncIterator[AdapterRegistry]:
    adapters = AdapterRegistry(clock, allow_private_addresses=True, jitter=lambda: 1.0)
    yield adapters
    await adapters.close()
