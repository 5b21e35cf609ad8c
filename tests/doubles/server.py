"""A double's HTTP server, which can stop listening and come back at the same port."""

from __future__ import annotations

import ssl

from aiohttp import web

from tests.doubles.faults import Faults


class DoubleServer:
    """Serves an application on an address of this machine. Port 0 takes a free one, and keeps it."""

    def __init__(
        self,
        app: web.Application,
        faults: Faults,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        self._tls = tls
        self._site: web.TCPSite | None = None
        self.faults = faults
        self.port = port
        self._host = host

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self._host}:{self.port}"

    @property
    def is_listening(self) -> bool:
        return self._site is not None

    async def start(self) -> None:
        await self._runner.setup()
        await self.listen()

    async def listen(self) -> None:
        self._site = web.TCPSite(self._runner, self._host, self.port, ssl_context=self._tls)
        await self._site.start()
        self.port = self._runner.addresses[-1][1]

    async def refuse(self) -> None:
        """Refuse new connections until `listen`, and break the open ones."""
        if self._site:
            await self._site.stop()
            self._site = None
        if self._runner.server:
            for connection in list(self._runner.server.connections):
                connection.force_close()
                if connection.transport:
                    connection.transport.abort()

    async def stop(self) -> None:
        self.faults.end()
        await self._runner.cleanup()
