"""A running vault."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.ports.clock import Clock
from tests.doubles.certificate import client_tls, make_certificate, server_tls
from tests.doubles.credential import TOKEN
from tests.doubles.faults import Faults
from tests.doubles.keyvault.app import make_app
from tests.doubles.keyvault.vault import Vault
from tests.doubles.server import DoubleServer


@dataclass(frozen=True)
class RunningVault:
    """`tls` is what a client must trust."""

    vault: Vault
    server: DoubleServer
    tls: ssl.SSLContext

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def faults(self) -> Faults:
        return self.server.faults


@asynccontextmanager
async def running_vault(
    folder: Path,
    clock: Clock,
    *,
    port: int = 0,
    purge_protection: bool = True,
    accepts: Callable[[str], bool] = TOKEN.__eq__,
) -> AsyncIterator[RunningVault]:
    """Serve a vault over HTTPS to accepted tokens; its certificate is `server.pem` in the folder."""
    certificate = make_certificate(folder)
    vault = Vault(clock, lambda: uuid.uuid4().hex, purge_protection=purge_protection)
    faults = Faults()
    server = DoubleServer(make_app(vault, faults, accepts), faults, port=port, tls=server_tls(certificate))
    await server.start()
    vault.url = server.url
    try:
        yield RunningVault(vault, server, client_tls(certificate))
    finally:
        await server.stop()
