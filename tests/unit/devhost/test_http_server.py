from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import aiohttp
import azure.functions as func
import pytest
from azure.functions import AuthLevel, FunctionApp

from devhost.errors import StartupError
from devhost.http_messages import MAX_BODY_BYTES
from tests.unit.devhost.running import ADMIN_KEY, FUNCTION_KEY, make_host, running, settings

ANYONE = AuthLevel.ANONYMOUS


def _echo_app() -> FunctionApp:
    app = FunctionApp(http_auth_level=ANYONE)

    @app.route(route="echo/{name}/{*rest}")
    async def echo(req: func.HttpRequest) -> func.HttpResponse:
        seen = {
            "method": req.method,
            "url": req.url,
            "query": dict(req.params),
            "route": dict(req.route_params),
            "body": req.get_body().decode(),
            "header": req.headers.get("X-One"),
        }
        return func.HttpResponse(json.dumps(seen), mimetype="application/json", headers={"X-Two": "2"})

    return app


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_a_request_reaches_the_function_as_in_azure(client: aiohttp.ClientSession) -> None:
    """Method, URL, decoded query and route, repeated values joined, body and headers come through."""
    async with running(make_host(_echo_app())) as url:
        target = f"{url}/api/echo/a%20b/c/d?x=1&x=2&empty=&y=%C3%A4"
        async with client.put(target, data=b"body", headers={"X-One": "1"}) as response:
            seen = await response.json()
            assert response.status == 200
            assert response.headers["X-Two"] == "2"
    assert seen == {
        "method": "PUT",
        "url": target,
        "query": {"x": "1,2", "y": "ä"},
        "route": {"name": "a b", "rest": "c/d"},
        "body": "body",
        "header": "1",
    }


async def test_a_body_without_content_length_is_not_forwarded(client: aiohttp.ClientSession) -> None:
    """As in Azure, a chunked body does not reach the function."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"body"

    async with running(make_host(_echo_app())) as url:
        response = await client.post(f"{url}/api/echo/a", data=chunks())
        assert (await response.json())["body"] == ""


async def test_a_body_over_the_limit_is_refused(client: aiohttp.ClientSession) -> None:
    """A request of more than 100 MB is a 413, before its body is read."""
    headers = {"Content-Length": str(MAX_BODY_BYTES + 1), "Expect": "100-continue"}
    async with running(make_host(_echo_app())) as url:
        response = await client.post(f"{url}/api/echo/a", headers=headers, data=b"")
        assert response.status == 413


async def test_head_gets_headers_only(client: aiohttp.ClientSession) -> None:
    """A function for every method answers HEAD with its headers and no body."""
    async with running(make_host(_echo_app())) as url, client.head(f"{url}/api/echo/a") as response:
        assert response.status == 200
        assert response.headers["X-Two"] == "2"
        assert await response.read() == b""


async def test_unknown_paths_and_methods_are_told_apart(client: aiohttp.ClientSession) -> None:
    """No such path is 404; a known path with another method is 405 with the methods that it has."""
    app = FunctionApp(http_auth_level=ANYONE)

    @app.route(route="x", methods=["GET"])
    def read(req: func.HttpRequest) -> str:
        del req
        return "read"

    @app.route(route="x", methods=["POST", "PUT"])
    def write(req: func.HttpRequest) -> str:
        del req
        return "write"

    async with running(make_host(app)) as url:
        async with client.get(f"{url}/api/y") as response:
            assert response.status == 404
        async with client.delete(f"{url}/api/x") as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET, POST, PUT")
        async with client.put(f"{url}/API/X/") as response:
            assert await response.text() == "write"


async def test_the_route_prefix_is_host_jsons(client: aiohttp.ClientSession) -> None:
    """An empty prefix puts the routes at the root."""
    host = make_host(_echo_app(), host_json=settings(extensions={"http": {"routePrefix": ""}}))
    async with running(host) as url, client.get(f"{url}/echo/a") as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("level", "key", "status"),
    [
        (AuthLevel.ANONYMOUS, None, 200),
        (AuthLevel.FUNCTION, None, 401),
        (AuthLevel.FUNCTION, "wrong", 401),
        (AuthLevel.FUNCTION, FUNCTION_KEY, 200),
        (AuthLevel.FUNCTION, ADMIN_KEY, 200),
        (AuthLevel.ADMIN, FUNCTION_KEY, 401),
        (AuthLevel.ADMIN, ADMIN_KEY, 200),
    ],
)
async def test_keys_open_their_levels(
    client: aiohttp.ClientSession, level: AuthLevel, key: str | None, status: int
) -> None:
    """The key counts in the header and in the query alike."""
    app = FunctionApp(http_auth_level=level)

    @app.route(route="x")
    def guarded(req: func.HttpRequest) -> str:
        del req
        return "in"

    headers, query = ({"x-functions-key": key}, {"code": key}) if key else ({}, {})
    async with running(make_host(app)) as url:
        async with client.get(f"{url}/api/x", headers=headers) as response:
            assert response.status == status
        async with client.get(f"{url}/api/x", params=query) as response:
            assert response.status == status


async def test_what_an_http_function_may_not_return_is_a_500(client: aiohttp.ClientSession) -> None:
    """None, a dict and an exception fail the invocation; the caller learns no details."""
    app = FunctionApp(http_auth_level=ANYONE)

    @app.route(route="{what}")
    async def bad(req: func.HttpRequest) -> func.HttpResponse:
        results = {"nothing": None, "dict": {"a": 1}}
        return results[req.route_params["what"]]  # type: ignore[return-value]

    async with running(make_host(app)) as url:
        for what in ("nothing", "dict", "raise"):
            async with client.get(f"{url}/api/{what}") as response:
                assert (response.status, await response.read()) == (500, b"")


async def test_a_string_is_plain_text(client: aiohttp.ClientSession) -> None:
    """A returned string is a 200 with text/plain."""
    app = FunctionApp(http_auth_level=ANYONE)

    @app.route(route="x")
    def text(req: func.HttpRequest) -> str:
        del req
        return "grün"

    async with running(make_host(app)) as url, client.get(f"{url}/api/x") as response:
        assert (response.status, response.content_type) == (200, "text/plain")
        assert await response.text() == "grün"


async def test_status_and_cookies_come_back(client: aiohttp.ClientSession) -> None:
    """An empty 204 is possible, and each cookie has a header of its own."""
    app = FunctionApp(http_auth_level=ANYONE)

    @app.route(route="x")
    def cookies(req: func.HttpRequest) -> func.HttpResponse:
        del req
        response = func.HttpResponse(status_code=204)
        response.headers.add("Set-Cookie", "a=1; Path=/; HttpOnly; SameSite=Lax")
        response.headers.add("Set-Cookie", "b=2")
        return response

    async with running(make_host(app)) as url, client.get(f"{url}/api/x") as response:
        assert response.status == 204
        assert response.headers.getall("Set-Cookie") == ["a=1; HttpOnly; Path=/; SameSite=Lax", "b=2"]


async def test_headers_of_the_connection_are_the_servers(client: aiohttp.ClientSession) -> None:
    """A function's Content-Length or Transfer-Encoding can't spoil the answer."""
    app = FunctionApp(http_auth_level=ANYONE)

    @app.route(route="x")
    def wrong(req: func.HttpRequest) -> func.HttpResponse:
        del req
        return func.HttpResponse("body", headers={"Content-Length": "77", "Transfer-Encoding": "gzip"})

    async with running(make_host(app)) as url, client.get(f"{url}/api/x") as response:
        assert (await response.text(), response.headers["Content-Length"]) == ("body", "4")
        assert "Transfer-Encoding" not in response.headers


async def test_sync_functions_do_not_block_each_other(client: aiohttp.ClientSession) -> None:
    """A sync function runs on a thread: one that waits for another's request gets it."""
    app = FunctionApp(http_auth_level=ANYONE)
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()

    @app.route(route="wait")
    def wait(req: func.HttpRequest) -> str:
        del req
        asyncio.run_coroutine_threadsafe(arrived.wait(), loop).result()
        return "waited"

    @app.route(route="arrive")
    async def arrive(req: func.HttpRequest) -> str:
        del req
        arrived.set()
        return "arrived"

    async with running(make_host(app)) as url:
        waiting = asyncio.create_task(client.get(f"{url}/api/wait"))
        async with client.get(f"{url}/api/arrive") as response:
            assert await response.text() == "arrived"
        async with await waiting as response:
            assert await response.text() == "waited"


async def test_the_context_tells_about_the_invocation(client: aiohttp.ClientSession) -> None:
    """Name, folder, a fresh id on its thread, the caller's trace, and no retries."""
    app = FunctionApp(http_auth_level=ANYONE)

    @app.function_name("Told")
    @app.route(route="x")
    def told(req: func.HttpRequest, context: func.Context) -> str:
        del req
        retry, trace = context.retry_context, context.trace_context
        same_id = context.thread_local_storage.invocation_id == context.invocation_id  # type: ignore[attr-defined]
        told = [context.function_name, context.function_directory, trace.trace_parent, trace.trace_state]
        return json.dumps(
            [*told, same_id, retry.retry_count, retry.max_retry_count, retry.exception, trace.attributes]
        )

    trace_id, span_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    async with running(make_host(app)) as url:
        headers = {"traceparent": f"00-{trace_id}-{span_id}-01"}
        async with client.get(f"{url}/api/x", headers=headers) as response:
            name, folder, parent, state, *rest = json.loads(await response.text())
    assert name == "Told"
    assert __file__.startswith(folder)
    assert parent.startswith(f"00-{trace_id}-")
    assert parent.endswith("-01")
    assert span_id not in parent
    assert [state, *rest] == ["", True, 0, 0, None, {}]


async def test_function_timeout_ends_an_async_function(client: aiohttp.ClientSession) -> None:
    """After functionTimeout an async function is cancelled and has failed."""
    app = FunctionApp(http_auth_level=ANYONE)
    cancelled = asyncio.Event()

    @app.route(route="x")
    async def endless(req: func.HttpRequest) -> str:
        del req
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return "never"

    host = make_host(app, host_json=settings(functionTimeout="00:00:00.01"))
    async with running(host) as url, client.get(f"{url}/api/x") as response:
        assert response.status == 500
    assert cancelled.is_set()


async def test_a_functions_own_timeout_error_is_just_a_failure(client: aiohttp.ClientSession) -> None:
    """A TimeoutError that the function raises itself is a 500 like any other."""
    app = FunctionApp(http_auth_level=ANYONE)

    @app.route(route="x")
    async def late(req: func.HttpRequest) -> str:
        del req
        raise TimeoutError("its own")

    async with running(make_host(app)) as url, client.get(f"{url}/api/x") as response:
        assert response.status == 500


async def test_a_stop_waits_for_the_request_in_hand(client: aiohttp.ClientSession) -> None:
    """A request that is being answered when the stop comes still gets its answer."""
    app = FunctionApp(http_auth_level=ANYONE)
    begun, release = asyncio.Event(), asyncio.Event()

    @app.route(route="x")
    async def slow(req: func.HttpRequest) -> str:
        del req
        begun.set()
        await release.wait()
        return "done"

    host = make_host(app)
    url = await host.start("127.0.0.1", 0, grace_seconds=60)
    request = asyncio.create_task(client.get(f"{url}/api/x"))
    await begun.wait()
    stopping = asyncio.create_task(host.stop(60))
    release.set()
    async with await request as response:
        assert await response.text() == "done"
    assert await stopping is False


async def test_a_taken_port_is_one_clear_error() -> None:
    """The second host on a port says so and how to choose another."""
    async with running(make_host(_echo_app())) as url:
        second = make_host(_echo_app())
        with pytest.raises(
            StartupError, match=r"port \d+ on 127\.0\.0\.1 is taken; choose another with --port"
        ):
            await second.start("127.0.0.1", int(url.rpartition(":")[2]), 1.0)
        await second.stop(1.0)


@pytest.mark.parametrize(
    ("route", "prefix"), [("/x", "api"), ("admin/x", ""), ("{a}{b}", "api"), ("{a:what}", "api")]
)
def test_routes_that_azure_refuses_stop_the_start(route: str, prefix: str) -> None:
    """A route that can't be is a StartupError with the function's name."""
    app = FunctionApp(http_auth_level=ANYONE)

    @app.route(route=route)
    def broken(req: func.HttpRequest) -> str:
        del req
        return ""

    with pytest.raises(StartupError, match="'broken'"):
        make_host(app, host_json=settings(extensions={"http": {"routePrefix": prefix}}))


async def test_routes_that_azure_would_choose_otherwise_are_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The start names functions whose requests another one would take in Azure."""
    app = FunctionApp(http_auth_level=ANYONE)

    @app.route(route="x/{id}")
    def any_x(req: func.HttpRequest) -> str:
        del req
        return ""

    @app.route(route="x/health")
    def health(req: func.HttpRequest) -> str:
        del req
        return ""

    with caplog.at_level(logging.WARNING, "devhost"):
        async with running(make_host(app)):
            pass
    assert "In Azure any_x (api/x/{id}) takes the requests of health (api/x/health)" in caplog.text
