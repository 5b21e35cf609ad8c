"""How Azure's SDKs reach their services: one aiohttp session for each client, TLS 1.2 or later."""

from __future__ import annotations

import ssl

import aiohttp
from azure.core.pipeline.transport import AioHttpTransport

CONNECT_TIMEOUT_SECONDS = 10.0
"""The operations guide's `connectionTimeout`."""
CONNECTION_LIMIT = 100


def modern_tls(tls: ssl.SSLContext | None = None) -> ssl.SSLContext:
    """Return what to trust, the system's authorities by default, with TLS 1.2 as its minimum."""
    context = tls or ssl.create_default_context()
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    return context


def open_transport(tls: ssl.SSLContext | None = None) -> AioHttpTransport:
    """Return a transport for one client, which closes it; call it inside a running event loop.

    Args:
        tls: What to trust, see `modern_tls`.
    """
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTION_LIMIT, ssl=modern_tls(tls)),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # azure-core decompresses by itself
    )
    return AioHttpTransport(session=session, connection_timeout=CONNECT_TIMEOUT_SECONDS)
