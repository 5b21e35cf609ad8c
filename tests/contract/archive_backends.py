"""The archives that the contract holds for."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from shared.backends.azure.blob_archive import BlobArchive
from shared.backends.embedded.file_archive import FileArchive
from shared.ports.archive import Archive
from tests.doubles.azurite import connection_string, create_container, running_azurite
from tests.fakes.clock import FakeClock


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an emulator that tests share; each has a container of its own."""
    with running_azurite(tmp_path_factory.mktemp("azurite")) as url:
        yield url


@pytest.fixture
async def blob_archive(azurite: str) -> AsyncIterator[BlobArchive]:
    container = uuid.uuid4().hex
    await create_container(azurite, container)
    opened = await BlobArchive.open_by_connection_string(connection_string(azurite), container, FakeClock())
    yield opened
    await opened.close()


@pytest.fixture
async def file_archive(tmp_path: Path) -> FileArchive:
    return await FileArchive.open(tmp_path, FakeClock())


@pytest.fixture(params=["file_archive", pytest.param("blob_archive", marks=pytest.mark.node)])
def archive(request: pytest.FixtureRequest) -> Archive:
    opened: Archive = request.getfixturevalue(request.param)
    return opened
