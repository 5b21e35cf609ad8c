"""Static credentials: where they go, and where they must never be."""

from __future__ import annotations

import base64
import logging
from typing import Any

import pytest

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import ConfigurationError, CredentialsRejectedError, ProviderContractError
from shared.domain.provider import ProviderDocument
from shared.ports.adapter import NO_CREDENTIALS, Adapter, Credentials
from tests.fakes import provider_server as faults
from tests.fakes.clock import FakeClock
from tests.fakes.provider_server import DOCUMENT, ProviderServer
from tests.unit.adapters.rest.reading import answer, ask, failure, ids, open_adapter, read_all, rest_of

SECRET = "s3cret/+ key"
QUERY_KEY = {"kind": "apiKey", "parameter": "api_key"}
HEADER_KEY = {"kind": "apiKey", "header": "X-Api-Key"}
NEXT_URL: dict[str, Any] = {"records": "items", "pagination": {"kind": "nextUrl", "bodyPath": "next"}}


def signed_in(
    registry: AdapterRegistry,
    server: ProviderServer,
    auth: dict[str, Any],
    values: dict[str, str] | None = None,
    **entity: Any,
) -> Adapter:
    credentials = Credentials(values if values is not None else {"apiKey": SECRET, "token": SECRET})
    return open_adapter(registry, server.url, rest_of(entity, auth=auth), credentials)


@pytest.mark.parametrize(
    ("auth", "values", "header", "expected"),
    [
        (HEADER_KEY, {"apiKey": "k"}, "X-Api-Key", "k"),
        (
            {"kind": "apiKey", "header": "Authorization", "prefix": "Token "},
            {"apiKey": "k"},
            "Authorization",
            "Token k",
        ),
        ({"kind": "bearer"}, {"token": "t"}, "Authorization", "Bearer t"),
        (
            {"kind": "basic"},
            {"username": "ada", "password": "p:ä"},
            "Authorization",
            f"Basic {base64.b64encode('ada:p:ä'.encode()).decode()}",
        ),
        (
            {"kind": "basic"},
            {"username": "key", "password": ""},
            "Authorization",
            f"Basic {base64.b64encode(b'key:').decode()}",
        ),
    ],
)
async def test_credentials_go_into_the_declared_header(
    server: ProviderServer,
    registry: AdapterRegistry,
    auth: dict[str, Any],
    values: dict[str, str],
    header: str,
    expected: str,
) -> None:
    """Key, token, or user name and password (in UTF-8, RFC 7617) stand in every request's header."""
    server.faults.append(answer([]))
    await signed_in(registry, server, auth, values).fetch_page(ask())
    assert server.requests[0].headers[header] == expected


async def test_key_in_the_query_is_on_every_page_and_in_no_position(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """A next URL that repeats the key is kept without it, and gets it again when it is asked for."""
    echoed = f"{server.url}/all?p=2&api_key=s3cret%2F%2B%20key&q=a%2Fb"
    server.faults.extend([answer({"items": [{"id": 1}], "next": echoed}), answer({"items": [{"id": 2}]})])
    adapter = signed_in(registry, server, {**QUERY_KEY, "prefix": "v1 "}, **NEXT_URL)
    pages = await read_all(adapter, ask())
    assert pages[0].next_position == {"url": "/all?p=2&q=a%2Fb"}
    assert server.targets == [
        "/all?api_key=v1%20s3cret%2F%2B%20key",
        "/all?p=2&q=a%2Fb&api_key=v1%20s3cret%2F%2B%20key",
    ]


async def test_secret_that_a_provider_puts_into_a_url_is_not_kept(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Whatever the parameter's name, a value that is a credential stays out of the position."""
    server.faults.append(answer({"items": [{"id": 1}], "next": "?p=2&t=s3cret/%2B+key"}))
    page = await signed_in(registry, server, {"kind": "bearer"}, **NEXT_URL).fetch_page(ask())
    assert page.next_position == {"url": "/all?p=2"}


async def test_page_that_differs_in_its_key_only_is_the_same_page(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """A circle is seen through the credentials in its URL."""
    server.faults.append(answer({"items": [{"id": 1}], "next": "/all?api_key=other"}))
    error = await failure(signed_in(registry, server, QUERY_KEY, **NEXT_URL))
    assert "names itself as its next page" in str(error)


@pytest.mark.parametrize("auth", [QUERY_KEY, HEADER_KEY, {"kind": "bearer"}])
async def test_credentials_follow_no_redirect_to_another_origin(
    server: ProviderServer, registry: AdapterRegistry, auth: dict[str, Any]
) -> None:
    """The request ends there, and the message tells no secret."""
    server.faults.append(faults.redirect("http://127.0.0.2:1/x?api_key=s3cret/+%20key"))
    error = await failure(signed_in(registry, server, auth))
    assert type(error) is ProviderContractError
    assert "s3cret" not in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("auth", [QUERY_KEY, HEADER_KEY, {"kind": "bearer"}])
async def test_no_error_log_or_repr_tells_a_secret(
    server: ProviderServer,
    registry: AdapterRegistry,
    auth: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not when the connection breaks, not when the provider repeats the key in its answer."""
    caplog.set_level(logging.DEBUG)
    adapter = signed_in(registry, server, auth)
    server.faults.extend([faults.status(500)] * 3)
    messages = [str(await failure(adapter))]
    server.faults.append(faults.html(f"<p>No such key: {SECRET} here</p>"))
    messages.append(str(await failure(adapter)))
    assert "No such key: *** here" in messages[1]
    assert "s3cret" not in "".join(messages) + caplog.text + repr(Credentials({"apiKey": SECRET}))


async def test_rejected_credentials_are_told(server: ProviderServer, registry: AdapterRegistry) -> None:
    """401 means that the integration has to be connected again."""
    server.faults.append(faults.status(401))
    assert type(await failure(signed_in(registry, server, HEADER_KEY))) is CredentialsRejectedError


@pytest.mark.parametrize(
    ("auth", "values", "message"),
    [
        (HEADER_KEY, {}, "credentials.apiKey: is missing; connect the integration"),
        ({"kind": "bearer"}, {"apiKey": "k"}, "credentials.token: is missing; connect the integration"),
        ({"kind": "basic"}, {"password": "p"}, "credentials.username: is missing; connect the integration"),
        (HEADER_KEY, {"apiKey": "s3cret\r\nX-Evil: 1"}, "credentials.apiKey: has a line break, or"),
        (HEADER_KEY, {"apiKey": "s3cret→"}, "or a character other than ASCII; enter it again without"),
        (QUERY_KEY, {"apiKey": "s3cret\n"}, "credentials.apiKey: has a line break, or"),
        ({"kind": "bearer"}, {"token": "s3cret\n"}, "credentials.token: has a line break, or"),
        (
            {"kind": "basic"},
            {"username": "ada", "password": "s3cret\r\n"},
            "credentials.password: has a control character, such as a line break; enter it again without",
        ),
        (
            {"kind": "basic"},
            {"username": "s3cret:x", "password": "p"},
            "credentials.username: has a colon, which a user name can't have",
        ),
    ],
)
def test_unusable_credentials_are_refused_at_once(
    auth: dict[str, Any], values: dict[str, str], message: str
) -> None:
    """Nothing goes out with half a credential; the message names the field and never its value."""
    registry = AdapterRegistry(FakeClock())
    rest = rest_of({}, auth=auth)
    with pytest.raises(ConfigurationError) as caught:
        open_adapter(registry, "https://a.example", rest, Credentials(values))
    assert message in str(caught.value)
    assert str(caught.value).startswith("The credentials don't fit provider things: ")
    assert "s3cret" not in str(caught.value)


async def test_provider_without_auth_needs_no_credentials(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """Credentials that nobody asks for are not sent."""
    server.faults.append(answer([{"id": 1}]))
    pages = await read_all(signed_in(registry, server, {"kind": "none"}), ask())
    assert ids(pages) == ["1"]
    assert "s3cret" not in repr(server.requests[0].headers) + server.targets[0]
    assert dict(NO_CREDENTIALS.values) == {}


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (None, ()),
        ({"kind": "none"}, ()),
        (HEADER_KEY, ("apiKey",)),
        ({"kind": "basic"}, ("username", "password")),
        ({"kind": "bearer"}, ("token",)),
        ({"kind": "oauth2ClientCredentials", "tokenUrl": "https://a/"}, ("clientId", "clientSecret")),
        (
            {
                "kind": "oauth2AuthorizationCode",
                "tokenUrl": "https://a/",
                "authorizationUrl": "https://a/",
            },
            ("clientId", "clientSecret", "refreshToken"),
        ),
    ],
)
def test_document_says_which_credentials_it_needs(
    auth: dict[str, Any] | None, expected: tuple[str, ...]
) -> None:
    """Whoever asks a person for credentials asks for these fields."""
    rest = rest_of({}, auth=auth) if auth else rest_of({})
    document = ProviderDocument.model_validate({**DOCUMENT, "rest": rest})
    assert tuple(AdapterRegistry(FakeClock()).credential_fields(document)) == expected
