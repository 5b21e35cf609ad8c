"""Real servers for whole test runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.kinto_server import KintoServer, kinto_executable
from tests.integration.oidc_server import install


@pytest.fixture(scope="session")
def kinto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KintoServer]:
    """A Kinto server that tests share; each works in a collection of its own."""
    server = KintoServer(kinto_executable(), tmp_path_factory.mktemp("kinto"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def oidc_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an OpenID provider is installed, for servers that tests start."""
    return install(tmp_path_factory.mktemp("oidc"))
