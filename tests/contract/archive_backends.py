"""The archives that the contract holds for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from shared.backends.embedded.file_archive import FileArchive
from shared.ports.archive import Archive
from tests.fakes.clock import FakeClock


@asynccontextmanager
async def _file(folder: Path) -> AsyncIterator[Archive]:
    yield await FileArchive.open(folder, FakeClock())


BACKENDS: Mapping[str, Callable[[Path], AbstractAsyncContextManager[Archive]]] = {"file": _file}


@pytest.fixture(params=sorted(BACKENDS))
async def archive(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Archive]:
    async with BACKENDS[request.param](tmp_path) as opened:
        yield opened
