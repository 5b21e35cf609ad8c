"""What a server can do to us: every answer ends with a reason, in bounded time and memory."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from shared.adapters.http import MAX_RESPONSE_BYTES
from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import UnavailableError
from shared.ports.adapter import Adapter
from tests.fakes import hostile_server as hostile
from tests.fakes.clock import FakeClock
from tests.fakes.hostile_server import Answer, HostileServer, fixed, head, hostile_server, ok
from tests.unit.adapters.rest.reading import ask, failure, ids, open_adapter, rest_of

FLAT_BYTES = 16 * 1024**2
"""What may be in memory besides the body: buffers of both ends."""
BROKEN = "GET {place}/all sent a broken HTTP answer ("  # and the name of the error, which is a matter of time
IN_TIME = "GET {place}/all gave no answer in time (TimeoutError)."
TOO_LARGE = f"GET {{place}}/all answered with more than {MAX_RESPONSE_BYTES} bytes; ask for smaller pages."
NO_JSON = "GET {place}/all answered with something other than JSON (application/json): "
TOO_DEEP = "GET {place}/all answered with JSON nested deeper than 64 levels: "
TOO_MANY = "GET {place}/all answered with more than 2000000 values; ask for smaller pages: "
TWICE = "GET {place}/all answered with JSON that has the same key twice in one object: "
TOO_LONG = (
    "The answer for entity thing has 100001 records; no more than 100000 are taken from one answer. Ask for"
    " smaller pages (`page` and `pagination` in the provider's document)."
)
CORRECT = "; correct the provider's document."
NOT_PUBLIC = (
    "GET {host}:{port}/all is not a public address; providers inside private networks need"
    " INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES=true, which is the default in embedded mode"
    " (ClientConnectorError)."
)

ENDLESS: dict[str, tuple[Answer, str]] = {
    "ten gigabytes": (hostile.ten_gigabytes, TOO_LARGE),
    "chunks without end": (hostile.endless_chunks, TOO_LARGE),
    "gzip bomb": (hostile.four_gigabytes_zipped, TOO_LARGE),
    "headers without end": (hostile.endless_headers, BROKEN),
    "a header without end": (hostile.endless_header, BROKEN),
    "trailers without end": (hostile.endless_trailers, BROKEN),
}

REFUSED: dict[str, tuple[bytes, str]] = {
    "lists 10,000 deep": (ok(b"[" * 10_000 + b"]" * 10_000), f"{TOO_DEEP}'{'[' * 200}'"),
    "objects 10,000 deep": (ok(b'{"a":' * 10_000 + b"1" + b"}" * 10_000), TOO_DEEP),
    "a key twice in one record": (ok(b'[{"id": 1}, {"id": 2, "a": "b", "id": 3}]'), TWICE + "'id'"),
    "a key twice on the page": (ok(b'{"items": [{"id": 1}], "items": []}'), TWICE + "'items'"),
    "eleven million empty objects": (ok(b"{}," * 10_999_999), TOO_MANY + "'{},{},"),
    "as many empty lists": (ok(b"[]," * 10_999_999), TOO_MANY + "'[],[],"),
    "two million numbers": (ok(b"[" + b"1," * 2_000_000 + b"1]"), TOO_MANY + "'[1,1,"),
    "more records than a page may have": (ok(b"[" + b'{"id":1},' * 100_000 + b'{"id":1}]'), TOO_LONG),
    "not a number": (ok(b'[{"id": NaN}]'), NO_JSON + "'[{\"id\": NaN}]'"),
    "infinity": (ok(b'[{"id": -Infinity}]'), NO_JSON + "'[{\"id\": -Infinity}]'"),
    "a number beyond all": (ok(b'[{"id": 1e999}]'), NO_JSON + "'[{\"id\": 1e999}]'"),
    "JSON cut off": (ok(b'[{"id": 1}, {"id"'), NO_JSON + '\'[{"id": 1}, {"id"\''),
    "another encoding": (
        ok('[{"id": "é"}]'.encode("latin-1")),
        "GET {place}/all answered with bytes that are not UTF-8, the only encoding of JSON: ",
    ),
    "a body shorter than announced": (head("Content-Length: 100") + b"[]", BROKEN),
    "a length that is no number": (head("Content-Length: ten") + b"[]", BROKEN),
    "a negative length": (head("Content-Length: -1") + b"[]", BROKEN),
    "two lengths": (head("Content-Length: 2", "Content-Length: 3") + b"[]", BROKEN),
    "a length and chunks": (
        head("Content-Length: 2", "Transfer-Encoding: chunked") + b"2\r\n[]\r\n0\r\n\r\n",
        BROKEN,
    ),
    "a chunk larger than all": (
        head("Transfer-Encoding: chunked") + b"fffffffffffffffff\r\n[]\r\n0\r\n\r\n",
        BROKEN,
    ),
    "something other than HTTP": (b"SSH-2.0-OpenSSH_9.9\r\n", BROKEN),
    "no body": (
        head(status="204 No Content"),
        "GET {place}/all answered with an empty body: ''",
    ),
    "zipped twice": (
        ok(b"\x1f\x8b\x08", "Content-Encoding: gzip, gzip"),
        "GET {place}/all answered with bytes that are not UTF-8, the only encoding of JSON: ",
    ),
    "zipped badly": (ok(b"[]", "Content-Encoding: gzip"), BROKEN),
    "a redirect to the cloud's own address": (
        head("Location: http://169.254.169.254/latest/meta-data", status="302 Found"),
        "GET {place}/all redirects to http://169.254.169.254:80; use the final address as base URL.",
    ),
    "redirects in a circle": (
        head("Location: /all", "Content-Length: 0", status="307 Temporary Redirect"),
        "GET {place}/all redirects more than 3 times.",
    ),
    "a next page too long to keep": (
        ok(b'{"items": [{"id": 1}], "next": "/%s"}' % (b"a" * 10_000)),
        "GET {place}/all names its next page in 10001 characters; no more than 8192 can be kept.",
    ),
}


MEGABYTE = 1024**2
BOMBS: dict[str, tuple[bytes, str | None, int]] = {
    "objects": (b"[" + b"{}," * 10_999_999 + b"{}]", "more than 2000000 values", 128 * MEGABYTE),
    "lists": (b"[" + b"[]," * 10_999_999 + b"[]]", "more than 2000000 values", 128 * MEGABYTE),
    "numbers": (b"[" + b"1," * 16_499_999 + b"1]", "more than 2000000 values", 128 * MEGABYTE),
    "objects up to the bound": (
        b'[{"id":1,"in":[0' + (b"," + b'{"a":' * 50 + b"0" + b"}" * 50) * 9_900 + b"]}]",
        None,
        256 * MEGABYTE,
    ),
}
"""Bodies, why they are refused, and by how much the memory of a process may grow over them: it holds a body
twice, in pieces and as one. Without a bound the first took 941 MB."""


@pytest.fixture
async def server() -> AsyncIterator[HostileServer]:
    async with hostile_server() as running:
        yield running


@pytest.fixture
async def registry() -> AsyncIterator[AdapterRegistry]:
    adapters = AdapterRegistry(FakeClock(), allow_private_addresses=True, jitter=lambda: 1.0)
    yield adapters
    await adapters.close()


def opened(registry: AdapterRegistry, server: HostileServer, seconds: float = 10, **entity: Any) -> Adapter:
    pagination = {"kind": "nextUrl", "bodyPath": "next"}
    records = {"records": {"jmespath": "items || @"}, "pagination": pagination}
    rest = rest_of({**records, **entity}, timeouts={"totalSeconds": seconds})
    return open_adapter(registry, f"http://{server.place}", rest)


def fits(error: str, expected: str) -> bool:
    """Compare a message; one that is not expected whole ends with a blank, a bracket or a comma."""
    return error.startswith(expected) if expected.endswith((" ", "(", ",")) else error == expected


@pytest.mark.parametrize("name", ENDLESS)
async def test_answer_without_end_is_cut_off(
    server: HostileServer, registry: AdapterRegistry, name: str
) -> None:
    """The connection is closed at the limit, and memory holds no more than the limit."""
    server.answer, message = ENDLESS[name]
    tracemalloc.start()
    try:
        error = await failure(opened(registry, server))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert fits(str(error), message.format(place=server.place))
    await server.until_the_client_is_gone()
    assert server.sent < MAX_RESPONSE_BYTES + FLAT_BYTES
    assert peak < MAX_RESPONSE_BYTES + FLAT_BYTES


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells a process its peak")
@pytest.mark.parametrize("name", BOMBS)
async def test_body_that_would_swell_when_parsed_takes_little_memory(
    server: HostileServer, name: str
) -> None:
    """By the resident memory of a process, which counts what JSON becomes, at its peak."""
    body, reason, most = BOMBS[name]
    server.answer = fixed(ok(body))
    command = (sys.executable, "-m", "tests.integration.hostile_reader", f"http://{server.place}")
    reader = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    told = orjson.loads((await reader.communicate())[0])
    assert (reason is None) is (told["error"] is None)
    assert (reason or "") in (told["error"] or "")
    assert told["grown"] < most


@pytest.mark.parametrize("name", REFUSED)
async def test_monstrous_answer_is_refused(
    server: HostileServer, registry: AdapterRegistry, name: str
) -> None:
    """Each with its reason, and the next answer is read as if nothing had been."""
    answer, message = REFUSED[name]
    server.answer = fixed(answer)
    adapter = opened(registry, server)
    assert fits(str(await failure(adapter)), message.replace("{place}", server.place))
    server.answer = fixed(ok(b'[{"id": 1}]'))
    assert ids([await adapter.fetch_page(ask())]) == ["1"]


async def test_id_over_64_bits_is_not_guessed(server: HostileServer, registry: AdapterRegistry) -> None:
    """Two such ids may be one number after parsing: the record is rejected, and its neighbour taken."""
    server.answer = fixed(ok(b'[{"id": 18446744073709551616}, {"id": 1}]'))
    page = await opened(registry, server).fetch_page(ask())
    assert [record.rejection and record.rejection.code for record in page.records] == ["invalid_id", None]


@pytest.mark.parametrize("answer", [hostile.drop_by_drop, hostile.endless_promises])
async def test_answer_that_never_comes_to_its_end_is_given_up(
    server: HostileServer, registry: AdapterRegistry, answer: Answer
) -> None:
    """The time is for the whole answer: a byte now and then does not prolong it."""
    server.answer, server.pause_seconds = answer, 0.01
    error = await failure(opened(registry, server, seconds=0.2))
    assert str(error) == IN_TIME.format(place=server.place)
    assert server.connections == 3


async def test_body_longer_than_announced_is_refused(
    server: HostileServer, registry: AdapterRegistry
) -> None:
    """What comes after the announced end is no part of the answer, and of no other one."""
    server.answer = lambda: [
        head("Content-Length: 11") + b'[{"id": 1}]HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]'
    ]
    adapter = opened(registry, server)
    for _ in range(3):
        with contextlib.suppress(UnavailableError):  # depends on how much of it came at once
            assert ids([await adapter.fetch_page(ask())]) == ["1"]


async def test_odd_values_are_read(server: HostileServer, registry: AdapterRegistry) -> None:
    """A number over 64 bits loses its last digits."""
    server.answer = fixed(ok(b'[{"id": 2, "n": 18446744073709551617, "m": 9223372036854775807}]'))
    (record,) = (await opened(registry, server).fetch_page(ask())).records
    assert record.data == {"id": 2, "n": 1.8446744073709552e19, "m": 2**63 - 1}


@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.1", "10.0.0.1", "::1", "fd00::1"])
async def test_name_that_leads_inside_is_refused(
    server: HostileServer, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the address that counts, whatever name leads there."""
    at = (address, server.port)
    family, at_family = (socket.AF_INET6, (*at, 0, 0)) if ":" in address else (socket.AF_INET, at)

    async def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(family, socket.SOCK_STREAM, 6, "", at_family)]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    registry = AdapterRegistry(FakeClock(), allow_private_addresses=False, jitter=lambda: 1.0)
    host = "library.example"
    adapter = open_adapter(registry, f"https://{host}:{server.port}", rest_of({}))
    error = await failure(adapter)
    await registry.close()
    assert str(error) == NOT_PUBLIC.format(host=host, port=server.port)
    assert server.connections == 0


async def test_pages_without_end_leave_nothing_behind(
    server: HostileServer, registry: AdapterRegistry
) -> None:
    """New records on new pages for ever can't be told from a large source; but a position stays small."""
    pages = iter(range(1, 1000))

    def page() -> list[bytes]:
        number = next(pages)
        return [ok(orjson.dumps({"items": [{"id": number}], "next": f"?page={number}"}))]

    server.answer = page
    adapter = opened(registry, server)
    position = None
    for _ in range(200):
        position = (await adapter.fetch_page(ask(position))).next_position
    assert len(orjson.dumps(position)) < 200
