"""How requests to Cosmos DB go out: every one is metered, and a write goes out once.

Below the SDK's own retries, aiohttp repeats a PUT or DELETE whose connection broke; above, the SDK repeats
writes that were answered with 503. Either may meet its own first attempt, and report a stale version or a
taken id that is nobody else's doing.
"""

from __future__ import annotations

import math
import ssl

import aiohttp
from azure.core.pipeline.transport import AioHttpTransport

from shared.backends.azure.transport import CONNECTION_LIMIT, modern_tls
from shared.telemetry.request_charge import add_charge

_CHARGE = "x-ms-request-charge"
_READING = ("x-ms-documentdb-isquery", "x-ms-cosmos-is-query-plan-request")
"""Headers of a POST that changes nothing."""

_UNAVAILABLE = 503


class AnswerLostError(aiohttp.ClientError):
    """A write may have been carried out, and nobody knows. No retry below this package's callers takes it."""


def metered_transport(tls: ssl.SSLContext | None = None) -> AioHttpTransport:
    """Return a transport for one client of the SDK, which closes it. Call it in the event loop.

    Args:
        tls: What to trust, see `modern_tls`.
    """
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTION_LIMIT, ssl=modern_tls(tls)),
        auto_decompress=False,  # azure-core does it
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=True,
        middlewares=(_send_once,),
    )
    return AioHttpTransport(session=session)


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    try:
        response = await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if _is_write(request):
            raise AnswerLostError("the connection broke") from error
        raise
    _meter(response)
    if response.status == _UNAVAILABLE and _is_write(request):
        response.release()
        raise AnswerLostError("the service was unavailable")
    return response


def _is_write(request: aiohttp.ClientRequest) -> bool:
    if request.method == "POST":
        return not any(request.headers.get(name, "").lower() == "true" for name in _READING)
    return request.method in {"PUT", "PATCH", "DELETE"}


def _meter(response: aiohttp.ClientResponse) -> None:
    try:
        units = float(response.headers.get(_CHARGE, 0))
    except ValueError:
        return
    if math.isfinite(units):
        add_charge(units)
