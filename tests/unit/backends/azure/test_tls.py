"""TLS 1.2 or later, and the certificates that a setting names, for every service."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web

from shared.backends.azure.opening import Opener
from shared.backends.azure.transport import modern_tls
from shared.config import load_settings
from shared.domain.errors import IntegrationError
from tests.doubles.certificate import make_certificate, server_tls
from tests.doubles.faults import Faults
from tests.doubles.server import DoubleServer
from tests.fakes.clock import FakeClock


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[DoubleServer]:
    """A server of an HTTPS address that lets nobody in; its certificate is `server.pem`.

    Not at 127.0.0.1 or localhost: there Cosmos DB's SDK looks at no certificate, for its emulator.
    """

    async def refuse(_request: web.Request) -> web.Response:
        return web.json_response({"code": "Unauthorized", "message": "no"}, status=401)

    faults = Faults()
    app = web.Application(middlewares=[faults.middleware])
    app.router.add_route("*", "/{path:.*}", refuse)
    running = DoubleServer(app, faults, tls=server_tls(make_certificate(tmp_path)), host="127.0.0.2")
    await running.start()
    yield running
    await running.stop()


def opener(server: DoubleServer, stack: AsyncExitStack, **variables: str) -> Opener:
    settings = {
        "INTEGRATIONS_BACKEND": "azure",
        "INTEGRATIONS_COSMOS_ENDPOINT": server.url,
        "INTEGRATIONS_COSMOS_KEY": "a2V5",
        "INTEGRATIONS_KEY_VAULT_URL": server.url,
        "INTEGRATIONS_JWKS_URL": server.url,
        "INTEGRATIONS_BLOB_CONNECTION": f"AccountName=a;AccountKey=a2V5;BlobEndpoint={server.url}/a",
        "ServiceBusConnection": "Endpoint=sb://127.0.0.1;SharedAccessKeyName=n;SharedAccessKey=k",
        **variables,
    }
    return Opener(load_settings(settings), FakeClock(), stack)


async def use_store(services: Opener) -> None:
    await services.documents()


async def use_archive(services: Opener) -> None:
    await (await services.archive()).stat("a")


@pytest.mark.parametrize("use", [use_store, use_archive])
async def test_a_setting_names_further_authorities(
    server: DoubleServer, tmp_path: Path, use: Callable[[Opener], Awaitable[None]]
) -> None:
    """A service whose certificate is in INTEGRATIONS_CA_FILE is asked; without it nothing is sent."""
    async with AsyncExitStack() as stack:
        with pytest.raises(IntegrationError):
            await use(opener(server, stack))
    assert server.faults.requests == 0

    async with AsyncExitStack() as stack:
        trusting = opener(server, stack, INTEGRATIONS_CA_FILE=str(tmp_path / "server.pem"))
        with pytest.raises(IntegrationError):
            await use(trusting)
    assert server.faults.requests > 0


def test_old_versions_of_tls_are_not_spoken() -> None:
    """Whatever a context allows, 1.2 is the least; a stricter one stays as strict."""
    assert modern_tls().minimum_version >= ssl.TLSVersion.TLSv1_2
    lenient, strict = ssl.create_default_context(), ssl.create_default_context()
    lenient.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    strict.minimum_version = ssl.TLSVersion.TLSv1_3
    assert modern_tls(lenient).minimum_version == ssl.TLSVersion.TLSv1_2
    assert modern_tls(strict).minimum_version == ssl.TLSVersion.TLSv1_3
