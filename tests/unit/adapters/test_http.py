"""The HTTP client against a real server, kind and unkind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from shared.adapters.http import LARGE_BODY_BYTES, HttpClient, HttpRequest, HttpResponse, read_aside
from shared.domain.errors import (
    ConfigurationError,
    IntegrationError,
    ProviderContractError,
    ThrottledError,
    UnavailableError,
    UnreachableError,
)
from tests.fakes import provider_server as faults
from tests.fakes.clock import FakeClock
from tests.fakes.provider_server import ProviderServer, provider_server

LIMIT = 100_000


@pytest.fixture
async def server() -> AsyncIterator[ProviderServer]:
    async with provider_server() as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    http = HttpClient(clock=FakeClock(), allow_private_addresses=True, max_response_bytes=LIMIT)
    yield http
    await http.close()


async def failure(client: HttpClient, request: HttpRequest) -> IntegrationError:
    with pytest.raises(IntegrationError) as caught:
        (await client.send(request)).require_success()
    return caught.value


def get(server: ProviderServer, path: str = "/x?key=s3cret") -> HttpRequest:
    return HttpRequest("GET", server.url + path)


async def test_answer_is_parsed(server: ProviderServer, client: HttpClient) -> None:
    """A success gives status, headers by any case, and the body as JSON."""
    server.faults.append(faults.raw_json(b'{"a": [1, "\\u00e9"]}', ETag='"v1"'))
    response = await client.send(get(server))
    response.require_success()
    assert (response.status, response.headers["etag"], response.json()) == (200, '"v1"', {"a": [1, "é"]})


async def test_url_goes_out_as_it_is(server: ProviderServer, client: HttpClient) -> None:
    """Percent-encoding is the caller's: nothing is decoded, encoded or normalised again."""
    server.faults.append(faults.status(200))
    await client.send(get(server, "/a%2Fb/%7Ec?d=%22%2B+e%3D"))
    assert server.targets == ["/a%2Fb/%7Ec?d=%22%2B+e%3D"]


async def test_cookies_are_not_kept(server: ProviderServer, client: HttpClient) -> None:
    """Tenants share the session: what one is given, the next must not send."""
    server.faults.extend([faults.status(200, Set_Cookie="session=1; Path=/"), faults.status(200)])
    await client.send(get(server))
    await client.send(get(server))
    assert "Cookie" not in server.requests[1].headers


@pytest.mark.parametrize("fault", [faults.truncated, faults.disconnect])
async def test_broken_answer_is_unavailable(
    server: ProviderServer, client: HttpClient, fault: faults.Fault
) -> None:
    """A connection that ends too early can be tried again."""
    server.faults.extend([fault] * 2)  # aiohttp itself repeats a GET once when the connection was closed
    assert type(await failure(client, get(server))) is UnavailableError


async def test_refused_connection_is_unavailable(client: HttpClient) -> None:
    """Nobody listening is a state that may pass."""
    assert type(await failure(client, HttpRequest("GET", "http://127.0.0.1:1/x"))) is UnreachableError


async def test_silence_is_unavailable_when_the_time_is_over(
    server: ProviderServer, client: HttpClient
) -> None:
    """No request waits for ever."""
    server.faults.append(faults.silence)
    error = await failure(client, HttpRequest("GET", f"{server.url}/x?key=s3cret", timeout_seconds=0.05))
    place = server.url.removeprefix("http://")
    assert type(error) is UnavailableError
    assert str(error) == f"GET {place}/x gave no answer in time (TimeoutError)."


async def test_endless_answer_is_cut_off(server: ProviderServer, client: HttpClient) -> None:
    """A body over the limit is refused while it arrives, not after."""
    sent: list[int] = []
    server.faults.append(faults.endless(sent))
    error = await failure(client, get(server))
    assert type(error) is ProviderContractError
    assert f"more than {LIMIT} bytes" in str(error)
    assert sum(sent) < 100 * LIMIT


async def test_limit_counts_what_is_unpacked(server: ProviderServer, client: HttpClient) -> None:
    """A small body that unpacks to a large one is refused like a large one."""
    server.faults.append(faults.gzip_bomb(50 * LIMIT))
    assert "more than" in str(await failure(client, get(server)))


async def test_body_of_exactly_the_limit_is_read(server: ProviderServer, client: HttpClient) -> None:
    """The limit itself is allowed."""
    server.faults.append(faults.raw_json(b"1" + b" " * (LIMIT - 1)))
    assert (await client.send(get(server))).json() == 1


async def test_connection_can_be_used_after_a_failure(server: ProviderServer, client: HttpClient) -> None:
    """What one answer broke does not reach the next."""
    server.faults.extend([faults.endless([]), faults.truncated, faults.raw_json(b"[]")])
    await failure(client, get(server))
    await failure(client, get(server))
    assert (await client.send(get(server))).json() == []


async def test_pause_asked_for_is_told(server: ProviderServer, client: HttpClient) -> None:
    """429 with Retry-After in seconds, and 503 with a date, say how long to wait."""
    server.faults.extend(
        [
            faults.status(429, Retry_After="12"),
            faults.status(503, Retry_After="Thu, 01 Jan 2026 00:01:00 GMT"),
        ]
    )
    throttled, unavailable = await failure(client, get(server)), await failure(client, get(server))
    assert isinstance(throttled, ThrottledError)
    assert throttled.retry_after_seconds == 12.0
    assert isinstance(unavailable, UnavailableError)
    assert unavailable.retry_after_seconds == 60.0


@pytest.mark.parametrize(
    "fault",
    [
        faults.html("<p>Please sign in</p>"),
        faults.raw_json(b'{"a": "\xff"}'),
        faults.raw_json(b"[" * 2000 + b"]" * 2000),
        faults.raw_json(b"[" * 65 + b"]" * 65),
        faults.raw_json(b'{"a":' * 64 + b"[]" + b"}" * 64),
        faults.raw_json(b'{"a": NaN}'),
        faults.raw_json(b""),
    ],
    ids=["html", "not utf-8", "far too deep", "lists too deep", "objects too deep", "not a number", "empty"],
)
async def test_what_is_not_json_is_a_breach_of_contract(
    server: ProviderServer, client: HttpClient, fault: faults.Fault
) -> None:
    """Only JSON in UTF-8 of sane depth is an answer."""
    server.faults.append(fault)
    response = await client.send(get(server))
    with pytest.raises(ProviderContractError):
        response.json()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (faults.raw_json(b'["\\"]' + b"[" * 64 + b"]" * 65), "something other than JSON"),
        (faults.raw_json(b'["[{", ' * 65 + b"]" * 65), "something other than JSON"),
        (faults.raw_json(b'["]", ' * 64 + b"[]" + b"]" * 64), "JSON nested deeper than 64 levels"),
        (
            faults.raw_json('{"a": "é"}'.encode("latin-1")),
            "bytes that are not UTF-8, the only encoding of JSON",
        ),
        (
            faults.raw_json('{"a": "é"}'.encode("utf-16")),
            "bytes that are not UTF-8, the only encoding of JSON",
        ),
        (
            faults.in_charset('{"a": "é"}'.encode(), "ISO-8859-1"),
            "JSON in ISO-8859-1; only UTF-8 can be read",
        ),
    ],
)
async def test_message_says_why_a_body_is_refused(
    server: ProviderServer, client: HttpClient, fault: faults.Fault, says: str
) -> None:
    """Depth and encoding are told apart from what is no JSON at all."""
    server.faults.append(fault)
    response = await client.send(get(server))
    with pytest.raises(ProviderContractError) as caught:
        response.json()
    assert f" answered with {says}" in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.raw_json(b"[" * 64 + b"]" * 64), None),
        (faults.raw_json(b'["' + b"[" * 99 + b'"]'), ["[" * 99]),
        (faults.raw_json(b"\xef\xbb\xbf[1]"), [1]),
        (faults.in_charset('["é"]'.encode(), "UTF-8"), ["é"]),
        (faults.in_charset(b"[1]", "ISO-8859-1"), [1]),
    ],
    ids=[
        "deepest",
        "brackets in text",
        "byte order mark",
        "named charset",
        "ASCII in any charset",
    ],
)
async def test_odd_json_is_read(
    server: ProviderServer, client: HttpClient, fault: faults.Fault, expected: object
) -> None:
    """64 levels are allowed, and so is whatever may stand in a text."""
    server.faults.append(fault)
    value = (await client.send(get(server))).json()
    assert expected is None or value == expected


async def test_message_shows_what_came_instead_of_json(server: ProviderServer, client: HttpClient) -> None:
    """The beginning of the body helps to see who answered; what may be secret in it is hidden."""
    server.faults.append(faults.html("<h1>Gateway</h1>\n token=abc123 " + "z " * 200))
    response = await client.send(get(server))
    with pytest.raises(ProviderContractError) as caught:
        response.json()
    place = server.url.removeprefix("http://")
    assert str(caught.value).startswith(
        f"GET {place}/x answered with something other than JSON (text/html; charset=utf-8):"
        " '<h1>Gateway</h1> token=*** z z"
    )
    assert len(str(caught.value)) < 330


async def test_large_body_is_read_beside_the_event_loop(server: ProviderServer) -> None:
    """What else is to be done, such as the renewal of a lease, goes on meanwhile."""
    client = HttpClient(clock=FakeClock(), allow_private_addresses=True)
    server.faults.append(faults.raw_json(b'"' + b"a" * LARGE_BODY_BYTES + b'"'))
    response = await client.send(get(server))
    await client.close()
    other_work_is_done = threading.Event()

    def read(answer: HttpResponse) -> int:
        assert other_work_is_done.wait(timeout=10)
        return len(answer.json())

    reading = asyncio.create_task(read_aside(read, response))
    await asyncio.sleep(0)
    other_work_is_done.set()
    assert await reading == LARGE_BODY_BYTES


async def test_redirect_within_the_origin_is_followed(server: ProviderServer, client: HttpClient) -> None:
    """Up to three times, relative or absolute."""
    server.faults.extend(
        [
            faults.redirect("/y"),
            faults.redirect(f"{server.url}/z", 308),
            faults.redirect("w?a=1"),
            faults.raw_json(b"2"),
        ]
    )
    response = await client.send(get(server))
    assert response.json() == 2
    assert server.targets == ["/x?key=s3cret", "/y", "/z", "/w?a=1"]
    assert response.request.url == f"{server.url}/w?a=1"


async def test_fourth_redirect_is_refused(server: ProviderServer, client: HttpClient) -> None:
    """A circle of redirects ends."""
    server.faults.extend([faults.redirect("/x")] * 4)
    assert "redirects more than 3 times" in str(await failure(client, get(server)))
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "location", ["http://127.0.0.2:{port}/x", "https://127.0.0.1:{port}/x", "http://127.0.0.1:1/x"]
)
async def test_redirect_to_another_origin_is_refused(
    server: ProviderServer, client: HttpClient, location: str
) -> None:
    """Neither another host, nor another port, nor another scheme gets a request."""
    server.faults.append(faults.redirect(location.format(port=server.url.rpartition(":")[2])))
    error = await failure(client, get(server))
    assert type(error) is ProviderContractError
    assert "redirects to" in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("location", ["http://[", "http://h:99999/"])
async def test_redirect_to_nonsense_is_refused(
    server: ProviderServer, client: HttpClient, location: str
) -> None:
    """A Location that is no URL is the provider's breach, not our crash."""
    server.faults.append(faults.redirect(location))
    assert type(await failure(client, get(server))) is ProviderContractError


async def test_redirected_post_is_refused(server: ProviderServer, client: HttpClient) -> None:
    """Only a GET may be sent again elsewhere."""
    server.faults.append(faults.redirect("/y"))
    assert type(await failure(client, HttpRequest("POST", f"{server.url}/x"))) is ProviderContractError


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com/x", "example.com/x", "http:///x", "http://h:99999/x", "http://2130706433/x", ""],
)
async def test_url_that_is_not_http_is_refused(client: HttpClient, url: str) -> None:
    """Nothing but http and https goes out."""
    assert type(await failure(client, HttpRequest("GET", url))) is ConfigurationError


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]"])
async def test_private_address_is_refused_after_resolution(server: ProviderServer, host: str) -> None:
    """By number in any notation, or by a name that resolves there: the request does not leave."""
    http = HttpClient(clock=FakeClock())
    port = server.url.rpartition(":")[2]
    try:
        error = await failure(http, HttpRequest("GET", f"https://{host}:{port}/x"))
    finally:
        await http.close()
    assert type(error) is ConfigurationError
    assert "is not a public address" in str(error)
    assert server.requests == []


async def test_plain_http_is_refused_where_addresses_must_be_public() -> None:
    """Credentials and records don't cross the internet in the clear; the message names the setting."""
    http = HttpClient(clock=FakeClock())
    try:
        error = await failure(http, HttpRequest("GET", "http://api.example.com/x?key=s3cret"))
    finally:
        await http.close()
    assert type(error) is ConfigurationError
    assert str(error) == (
        "GET api.example.com/x goes over plain http, where anybody on the way can read and change it; use"
        " https. Without it works INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES=true, which is the default in embedded"
        " mode."
    )


async def test_no_error_tells_the_query(server: ProviderServer, client: HttpClient) -> None:
    """Query strings may hold secrets; messages have method, host and path, and no hidden cause."""
    server.faults.extend(
        [
            faults.status(500),
            faults.status(404),
            faults.truncated,
            faults.redirect("http://127.0.0.2/?key=s3cret"),
        ]
    )
    for _ in range(4):
        error = await failure(client, get(server))
        assert "s3cret" not in str(error)
        assert error.__cause__ is None
    assert "s3cret" not in repr(get(server))


async def test_close_can_be_called_twice(server: ProviderServer, client: HttpClient) -> None:
    """Closing is idempotent, also before the first request."""
    await client.close()
    server.faults.append(faults.status(200))
    await client.send(get(server))
    await client.close()
    await client.close()
