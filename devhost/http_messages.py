"""HTTP requests and responses as the Azure host and the worker exchange them.

The conversions follow the host's GrpcMessageConversionExtensions for the capabilities that the Python worker
announces (raw body bytes, no nullable dictionaries).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from aiohttp import web
from azure.functions.meta import Datum

_logger = logging.getLogger("devhost.http")

MAX_BODY_BYTES = 100 * 1024 * 1024
"""The Azure host's limit for a request (HTTP trigger reference, "Limits")."""

_OWN_HEADERS = frozenset({"connection", "content-length", "transfer-encoding"})
"""Headers of the connection, which the server writes itself."""


async def request_datum(request: web.Request, route_parameters: Mapping[str, str]) -> Datum:
    """Return what the worker's HTTP converter decodes.

    Values of one name are joined by commas, query parameters without a value are dropped, and a body comes
    through only with a Content-Length.

    Raises:
        web.HTTPRequestEntityTooLarge: The body is over MAX_BODY_BYTES.
    """
    return Datum(
        {
            "method": Datum(request.method, "string"),
            "url": Datum(str(request.url), "string"),
            "headers": _joined((name.lower(), value) for name, value in request.headers.items()),
            "query": _joined((name, value) for name, value in request.query.items() if value),
            "params": {name: Datum(value, "string") for name, value in route_parameters.items()},
            "body": Datum(await _body(request), "bytes"),
        },
        "http",
    )


def to_response(answer: Datum) -> web.Response:
    """Return the HTTP response for what the worker's HTTP converter encoded."""
    if answer.type == "string":
        return web.Response(text=answer.value)
    response = web.Response(
        status=int(answer.value["status_code"].value),
        headers={
            name: header.value
            for name, header in answer.value["headers"].items()
            if name.lower() not in _OWN_HEADERS
        },
        body=answer.value["body"].value,
    )
    for cookie in answer.value["cookies"] or ():
        for morsel in cookie.values():
            response.headers.add("Set-Cookie", morsel.OutputString())
    return response


async def _body(request: web.Request) -> bytes:
    if request.content_length is None and request.can_read_body:
        _logger.warning(
            "The body of %s %s has no Content-Length; as in Azure, the function gets none",
            request.method,
            request.path,
        )
    length = request.content_length or 0
    if length > MAX_BODY_BYTES:
        raise web.HTTPRequestEntityTooLarge(max_size=MAX_BODY_BYTES, actual_size=length)
    return await request.read() if length else b""


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, Datum]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: Datum(",".join(all_values), "string") for name, all_values in values.items()}
