"""What a document says about its provider's failures."""

from __future__ import annotations

from typing import Any

import pytest

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import (
    AccessDeniedError,
    CredentialsRejectedError,
    IntegrationError,
    ProviderContractError,
    ResyncRequiredError,
    RetryableError,
    StopError,
    ThrottledError,
    UnavailableError,
)
from shared.ports.adapter import Adapter
from tests.fakes import provider_server as faults
from tests.fakes.clock import FakeClock
from tests.fakes.provider_server import ProviderServer
from tests.unit.adapters.rest.reading import answer, ask, failure, open_adapter, rest_of


def failing(
    registry: AdapterRegistry, server: ProviderServer, *rules: dict[str, Any], **rest: Any
) -> Adapter:
    return open_adapter(registry, server.url, rest_of({"records": "items"}, errors=list(rules), **rest))


def with_status(code: int, body: bytes, **headers: str) -> faults.Fault:
    async def respond(request: Any) -> Any:
        response = await faults.raw_json(body, **headers)(request)
        response.set_status(code)
        return response

    return respond


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("rateLimited", ThrottledError),
        ("retry", UnavailableError),
        ("unauthenticated", CredentialsRejectedError),
        ("forbidden", AccessDeniedError),
        ("permanent", StopError),
        ("reset", ResyncRequiredError),
    ],
)
async def test_rule_decides_what_a_failure_means(
    server: ProviderServer, registry: AdapterRegistry, action: str, expected: type[IntegrationError]
) -> None:
    """Each action is one of the caller's next moves, whatever the status would have meant."""
    server.faults.extend([faults.status(404)] * 3)
    error = await failure(failing(registry, server, {"status": 404, "action": action}))
    assert type(error) is expected
    assert error.source == "provider"
    assert len(server.requests) == (3 if isinstance(error, RetryableError) else 1)


async def test_success_with_an_error_inside_is_a_failure(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Some APIs answer 200 with `ok: false`; the first rule that fits decides, and the answer is shown."""
    rules = (
        {"bodyPath": "error", "equals": "token_revoked", "action": "unauthenticated"},
        {"bodyPath": "ok", "equals": False, "action": "permanent"},
    )
    adapter = failing(registry, server, *rules)
    server.faults.append(answer({"ok": False, "error": "token_revoked"}))
    assert type(await failure(adapter)) is CredentialsRejectedError
    server.faults.append(answer({"ok": False, "error": "missing_scope", "needed": "channels:read"}))
    error = await failure(adapter)
    assert type(error) is StopError
    assert "missing_scope" in str(error)
    server.faults.append(answer({"ok": True, "items": [{"id": 1}]}))
    assert len((await adapter.fetch_page(ask())).records) == 1


@pytest.mark.parametrize(
    ("rule", "fits", "fits_not"),
    [
        (
            {"status": 403, "bodyPath": {"jmespath": "[0].errorCode"}, "equals": "LIMIT"},
            with_status(403, b'[{"errorCode": "LIMIT"}]'),
            with_status(403, b'[{"errorCode": "OTHER"}]'),
        ),
        (
            {"status": 403, "header": "X-Remaining", "equals": "0"},
            with_status(403, b"{}", X_Remaining="0"),
            with_status(403, b"{}", X_Remaining="5"),
        ),
        ({"status": 403, "header": "X-Limit"}, with_status(403, b"{}", X_Limit="1"), faults.status(403)),
        (
            {"status": 403, "bodyPath": "limit"},
            with_status(403, b'{"limit": "x"}'),
            with_status(403, b'{"limit": ""}'),
        ),
        (
            {"status": 403, "bodyPath": "code", "equals": 1},
            with_status(403, b'{"code": 1}'),
            with_status(403, b'{"code": true}'),
        ),
        (
            {"status": 403, "bodyPath": "code", "equals": ["a", 1]},
            with_status(403, b'{"code": 1}'),
            with_status(403, b'{"code": "1"}'),
        ),
        (
            {"header": "X-Code", "equals": ["a", "b"]},
            with_status(403, b"{}", X_Code="b"),
            with_status(403, b"{}", X_Code="c"),
        ),
    ],
    ids=["expression", "header", "any header", "any value", "type counts", "several", "several in a header"],
)
async def test_all_conditions_of_a_rule_must_fit(
    server: ProviderServer,
    registry: AdapterRegistry,
    rule: dict[str, Any],
    fits: faults.Fault,
    fits_not: faults.Fault,
) -> None:
    """A failure that fits no rule means what its status says."""
    adapter = failing(registry, server, {**rule, "action": "reset"})
    server.faults.extend([fits, fits_not])
    assert type(await failure(adapter)) is ResyncRequiredError
    assert type(await failure(adapter)) is AccessDeniedError


async def test_failure_without_json_is_told_by_its_status(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """A gateway's HTML fits no rule about bodies, and breaks none."""
    adapter = failing(registry, server, {"bodyPath": "error", "action": "reset"})
    server.faults.append(with_status(404, b"<h1>Not here</h1>"))
    assert type(await failure(adapter)) is ProviderContractError


@pytest.mark.parametrize(
    ("retry_after", "body", "headers", "seconds"),
    [
        ({"bodyPath": "wait"}, b'{"error": 1, "wait": 7}', {}, 7.0),
        ({"bodyPath": "wait"}, b'{"error": 1, "wait": 2.5}', {}, 2.5),
        ({"bodyPath": "wait"}, b'{"error": 1, "wait": "9"}', {}, 9.0),
        ({"bodyPath": "wait"}, b'{"error": 1, "wait": "2026-01-01T00:00:20Z"}', {}, 20.0),
        ({"bodyPath": "wait"}, b'{"error": 1, "wait": true}', {"Retry_After": "3"}, 3.0),
        ({"bodyPath": "wait"}, b'{"error": 1}', {"Retry_After": "3"}, 3.0),
        ({"header": "X-Reset"}, b'{"error": 1}', {"X_Reset": "Thu, 01 Jan 2026 00:00:30 GMT"}, 30.0),
        ({"header": "X-Reset"}, b'{"error": 1}', {"X_Reset": "1767225615"}, 15.0),
        ({"header": "X-Reset"}, b'{"error": 1}', {"X_Reset": "1000000000"}, 0.0),
        (None, b'{"error": 1}', {"Retry_After": "5"}, 5.0),
    ],
)
@pytest.mark.parametrize("code", [200, 429])
async def test_pause_is_read_where_the_document_says(
    server: ProviderServer,
    registry: AdapterRegistry,
    clock: FakeClock,
    retry_after: dict[str, Any] | None,
    body: bytes,
    headers: dict[str, str],
    seconds: float,
    code: int,
) -> None:
    """Seconds, an HTTP date, ISO 8601 or seconds since 1970; what can't be read leaves it to Retry-After."""
    rest = {"retryAfter": retry_after} if retry_after else {}
    adapter = failing(registry, server, {"status": 200, "bodyPath": "error", "action": "rateLimited"}, **rest)
    server.faults.extend([with_status(code, body, **headers), answer({"items": []})])
    await adapter.fetch_page(ask())
    assert clock.slept == [max(seconds, 1.0)]


@pytest.mark.parametrize("rules", [[], [{"status": 422, "action": "permanent"}]])
@pytest.mark.parametrize("place", [{"bodyPath": "error.message"}, {"header": "X-Error"}])
async def test_errors_say_what_the_provider_says(
    server: ProviderServer, registry: AdapterRegistry, place: dict[str, str], rules: list[dict[str, Any]]
) -> None:
    """Its own words stand in the error, whoever decided what it means, and nothing that looks secret."""
    adapter = failing(registry, server, *rules, errorMessage=place)
    said = "Field x is unknown to ann@example.com"
    server.faults.append(with_status(422, b'{"error": {"message": "%b"}}' % said.encode(), X_Error=said))
    assert "(status 422: 'Field x is unknown to ***')." in str(await failure(adapter))


@pytest.mark.parametrize("body", [b'{"errors": [5]}', b'{"errors": []}', b'{"errors": 5}', b"<h1>Oh</h1>"])
async def test_a_provider_without_words_is_told_by_its_status(
    server: ProviderServer, registry: AdapterRegistry, body: bytes
) -> None:
    """Where nothing is said, the status has to do."""
    words = {"bodyPath": {"jmespath": "join(', ', errors)"}}
    adapter = failing(registry, server, errorMessage=words)
    server.faults.append(with_status(422, body))
    assert str(await failure(adapter)).endswith("(status 422).")
