"""Requests with tokens that come and go."""

from __future__ import annotations

from typing import Any

import pytest

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import ConfigurationError, CredentialsRejectedError, UnavailableError
from shared.ports.adapter import Adapter, Credentials
from shared.ports.token_source import AccessToken
from tests.fakes import provider_server as faults
from tests.fakes.clock import FakeClock
from tests.fakes.provider_server import ProviderServer
from tests.unit.adapters.rest.reading import answer, ask, failure, ids, open_adapter, rest_of

AUTH = {"kind": "oauth2ClientCredentials", "tokenUrl": "https://login.example.com/token"}


class FakeTokens:
    """Gives `token-1` until it is rejected, then `token-2`, and so on."""

    def __init__(self) -> None:
        self.number = 1
        self.rejected: list[str] = []
        self.failing: Exception | None = None

    async def token(self) -> AccessToken:
        if self.failing:
            raise self.failing
        return AccessToken(f"token-{self.number}")

    async def renew(self, rejected: AccessToken) -> AccessToken:
        self.rejected.append(rejected.value)
        self.number += 1
        return await self.token()


@pytest.fixture
def tokens() -> FakeTokens:
    return FakeTokens()


def signed_in(registry: AdapterRegistry, server: ProviderServer, tokens: FakeTokens, **rest: Any) -> Adapter:
    entity = rest.pop("entity", {})
    document = rest_of(entity, auth=AUTH, **rest)
    return open_adapter(registry, server.url, document, Credentials(tokens=tokens))


def sent(server: ProviderServer) -> list[str]:
    return [request.headers["Authorization"] for request in server.requests]


async def test_every_request_carries_the_token_of_its_moment(
    server: ProviderServer, registry: AdapterRegistry, tokens: FakeTokens
) -> None:
    """One that was renewed between two pages is on the second."""
    server.faults.extend([answer([]), answer([])])
    adapter = signed_in(registry, server, tokens)
    await adapter.fetch_page(ask())
    tokens.number = 7
    await adapter.fetch_page(ask())
    assert sent(server) == ["Bearer token-1", "Bearer token-7"]


async def test_rejected_token_is_renewed_and_the_request_made_again(
    server: ProviderServer, registry: AdapterRegistry, tokens: FakeTokens
) -> None:
    """The caller sees the page, and nothing of the 401 before it."""
    server.faults.extend([faults.status(401), answer([{"id": 1}])])
    page = await signed_in(registry, server, tokens).fetch_page(ask())
    assert ids([page]) == ["1"]
    assert sent(server) == ["Bearer token-1", "Bearer token-2"]
    assert tokens.rejected == ["token-1"]


async def test_second_rejection_is_final(
    server: ProviderServer, registry: AdapterRegistry, tokens: FakeTokens
) -> None:
    """A token that was made a moment ago is not the reason."""
    server.faults.extend([faults.status(401)] * 3)
    assert type(await failure(signed_in(registry, server, tokens))) is CredentialsRejectedError
    assert len(server.requests) == 2


@pytest.mark.parametrize("action", ["refresh", "unauthenticated"])
async def test_rule_may_say_that_a_token_is_stale(
    server: ProviderServer, registry: AdapterRegistry, tokens: FakeTokens, action: str
) -> None:
    """APIs tell it with other statuses, or with a success."""
    rules = [{"bodyPath": "error", "equals": "token_expired", "action": action}]
    server.faults.extend([answer({"error": "token_expired"}), answer({"items": [{"id": 1}]})])
    page = await signed_in(registry, server, tokens, errors=rules, entity={"records": "items"}).fetch_page(
        ask()
    )
    assert ids([page]) == ["1"]
    assert tokens.rejected == ["token-1"]


async def test_other_failures_renew_nothing(
    server: ProviderServer, registry: AdapterRegistry, tokens: FakeTokens
) -> None:
    """A 503 is tried again with the token that is there."""
    server.faults.extend([faults.status(503), answer([])])
    await signed_in(registry, server, tokens).fetch_page(ask())
    assert tokens.rejected == []


async def test_token_that_can_not_be_had_for_the_moment_is_tried_again(
    server: ProviderServer, registry: AdapterRegistry, tokens: FakeTokens
) -> None:
    """As a page is, and without a request to the API."""
    tokens.failing = UnavailableError("the token endpoint is down")
    assert type(await failure(signed_in(registry, server, tokens))) is UnavailableError
    assert server.requests == []


async def test_create_is_sent_again_with_another_token(
    server: ProviderServer, registry: AdapterRegistry, tokens: FakeTokens
) -> None:
    """Who does not know us has made nothing."""
    server.faults.extend([faults.status(401), answer({"id": 1})])
    adapter = signed_in(registry, server, tokens, entity={"create": {"path": "/all"}})
    assert (await adapter.create("thing", {}, "k")).external_id == "1"
    assert sent(server) == ["Bearer token-1", "Bearer token-2"]


async def test_create_without_a_token_is_not_uncertain(
    server: ProviderServer, registry: AdapterRegistry, tokens: FakeTokens
) -> None:
    """What never left can be tried again."""
    tokens.failing = UnavailableError("the token endpoint is down")
    adapter = signed_in(registry, server, tokens, entity={"create": {"path": "/all"}})
    with pytest.raises(UnavailableError, match="the token endpoint is down"):
        await adapter.create("thing", {}, "k")
    assert server.requests == []


async def test_token_is_taken_when_it_is_the_requests_turn(
    server: ProviderServer, registry: AdapterRegistry, tokens: FakeTokens, clock: FakeClock
) -> None:
    """One from before the wait might have expired in it; what is sent again waits again."""
    server.faults.extend([answer([]), faults.status(401), answer([])])
    limits = {"requestsPerMinute": 1, "concurrentRequests": 1}
    adapter = signed_in(registry, server, tokens, limits=limits)
    await adapter.fetch_page(ask())
    tokens.number = 7
    await adapter.fetch_page(ask())
    assert sent(server) == ["Bearer token-1", "Bearer token-7", "Bearer token-8"]
    assert clock.slept == [60.0, 60.0]


async def test_token_in_a_next_url_is_not_kept(
    server: ProviderServer, registry: AdapterRegistry, tokens: FakeTokens
) -> None:
    """Neither the present token nor one from before the last renewal."""
    entity = {"records": "items", "pagination": {"kind": "nextUrl", "bodyPath": "next"}}
    following = "/all?p=2&t=token-1&u=token-2"
    server.faults.extend([faults.status(401), answer({"items": [{"id": 1}], "next": following})])
    page = await signed_in(registry, server, tokens, entity=entity).fetch_page(ask())
    assert page.next_position == {"url": "/all?p=2"}


async def test_message_about_an_answer_does_not_repeat_the_token(
    server: ProviderServer, registry: AdapterRegistry, tokens: FakeTokens
) -> None:
    """Not even when the provider does."""
    server.faults.append(faults.html("<p>No such thing: token-1 at all</p>"))
    message = str(await failure(signed_in(registry, server, tokens)))
    assert "No such thing: *** at all" in message


async def test_static_credentials_are_not_tried_twice(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """There is nothing to renew."""
    server.faults.extend([faults.status(401)] * 2)
    rest = rest_of({}, auth={"kind": "bearer"})
    adapter = open_adapter(registry, server.url, rest, Credentials({"token": "t"}))
    assert type(await failure(adapter)) is CredentialsRejectedError
    assert len(server.requests) == 1


def test_adapter_without_a_source_of_tokens_is_refused(registry: AdapterRegistry) -> None:
    """Stored values alone are no sign-in."""
    with pytest.raises(ConfigurationError, match="need an access token"):
        open_adapter(registry, "https://a.example", rest_of({}, auth=AUTH), Credentials({"clientId": "c"}))
