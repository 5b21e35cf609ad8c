"""Connecting integrations to providers by signing in there, and ending that."""

from __future__ import annotations

import html
from http import HTTPStatus
from typing import Annotated

from pydantic import ConfigDict, StringConstraints

from functions._http import Answer, Call, Route
from functions._lists import Listing, ListQuery
from functions._problems import status_of
from functions._roles import TENANT_OR_USER
from shared.domain.caller import Role
from shared.domain.connection import (
    AuthKind,
    Connection,
    ConnectionFailure,
    ConnectionStatus,
    Consent,
    connection_id,
)
from shared.domain.errors import IntegrationError, NotFoundError, RetryableError, StopError
from shared.domain.model import Timestamp, WireModel
from shared.domain.oauth_state import LIFETIME_SECONDS
from shared.services.connect_callback import CallbackQuery
from shared.telemetry.logs import get_logger

CALLBACK = "oauth/callback"
_log = get_logger("connect")


class ConnectOrder(WireModel):
    """What the access is for: it is kept with the consent."""

    purpose: Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)] = (
        "Synchronising records"
    )


class ConnectStarted(WireModel):
    """Send the browser that made this request there; it has got a cookie, which it will need."""

    authorization_url: str


class CallbackParameters(WireModel):
    """What providers add to the address; they may add more.

    Anything is taken here: what is wrong with it is told on a page, as a person looks at it.
    """

    model_config = ConfigDict(extra="ignore")

    state: str | None = None
    code: str | None = None
    error: str | None = None


class ConnectionInfo(WireModel):
    """A connection, without anything secret."""

    model_config = ConfigDict(extra="ignore")

    id: str
    integration_id: str
    provider_id: str
    user_id: str | None
    auth_kind: AuthKind
    status: ConnectionStatus
    scopes_asked: tuple[str, ...]
    scopes_granted: tuple[str, ...] | None
    consent: Consent | None
    expires_at: Timestamp | None
    refreshed_at: Timestamp | None
    failure: ConnectionFailure | None
    connected_at: Timestamp
    disconnected_at: Timestamp | None
    revoked_at_provider: bool | None
    etag: str | None


async def authorize(call: Call) -> Answer:
    """Begin to connect, the tenant or the calling user."""
    if call.caller is None:
        raise TypeError("The route lets nobody in who is unknown.")
    started = await call.runtime.connect_flow.begin(
        call.caller, call.tenant_id, call.path["id"], call.body(ConnectOrder).purpose
    )
    cookie = (
        f"{started.cookie_name}={started.cookie_value}; Path=/api/{CALLBACK}; Max-Age={LIFETIME_SECONDS};"
        " HttpOnly; SameSite=Lax"
    )
    secure = "; Secure" if call.runtime.is_served_by_tls else ""
    return Answer(
        ConnectStarted(authorization_url=started.authorization_url), headers={"Set-Cookie": cookie + secure}
    )


async def callback(call: Call) -> Answer:
    """Finish connecting. The answer is a page: a person looks at it."""
    given = call.query(CallbackParameters)
    query = CallbackQuery(given.state, given.code, given.error)
    try:
        connection = await call.runtime.connect_callback.finish(
            query, _cookies(call.headers.get("Cookie", ""))
        )
    except IntegrationError as error:
        _log.warning("Connecting failed", exc_info=error)
        return Answer(status=_status_of(error), page=_page("Not connected", _told(error), call.request_id))
    whose = "Your account" if connection.user_id else "The integration"
    return Answer(page=_page("Connected", f"{whose} is connected. You can close this page.", call.request_id))


async def list_connections(call: Call) -> Answer:
    """Answer with an integration's connections; users see their own."""
    query = call.query(ListQuery)
    integration = await call.runtime.integrations.get(call.tenant_id, call.path["id"])
    own = _own(call)
    if own is not None:
        found = await call.runtime.connections.find(call.tenant_id, connection_id(integration.id, own))
        return Answer(Listing[ConnectionInfo](items=(_shown(found),) if found else (), continuation=None))
    page = await call.runtime.connections.page_of(
        call.tenant_id, integration.id, query.limit, query.continuation
    )
    items = tuple(map(_shown, page.items))
    return Answer(Listing[ConnectionInfo](items=items, continuation=page.continuation))


async def get_connection(call: Call) -> Answer:
    """Answer with one connection."""
    return Answer(_shown(await _found(call)))


async def disconnect(call: Call) -> Answer:
    """Give the tokens back and delete them."""
    connection = await _found(call)
    await call.runtime.disconnect.run(call.tenant_id, connection.id, call.actor)
    return Answer(status=HTTPStatus.NO_CONTENT)


async def _found(call: Call) -> Connection:
    found = await call.runtime.connections.find(call.tenant_id, call.path["connectionId"])
    own = _own(call)
    is_there = found is not None and found.integration_id == call.path["id"]
    if found is None or not is_there or (own is not None and found.user_id != own):
        raise NotFoundError(f"There is no connection {call.path['connectionId']} of this integration.")
    return found


def _own(call: Call) -> str | None:
    """Return whose connections a caller is bound to; None for one who may see the tenant's."""
    if call.caller is None or Role.TENANT_ADMIN in call.caller.roles:
        return None
    return call.caller.user_id


def _shown(connection: Connection) -> ConnectionInfo:
    return ConnectionInfo.model_validate(connection.model_dump(by_alias=False), extra="ignore")


def _cookies(header: str) -> dict[str, str]:
    """Read cookies by RFC 6265, 5.4; `http.cookies` gives up all of them for an odd one of another app's."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return {name: value for name, _, value in pairs}


def _status_of(error: IntegrationError) -> HTTPStatus:
    """Return the status; what the provider did wrong is not our server's fault."""
    return HTTPStatus.BAD_GATEWAY if isinstance(error, StopError) else status_of(error)


def _told(error: IntegrationError) -> str:
    if isinstance(error, RetryableError):
        return "The provider or a store does not answer just now. Begin again in a minute."
    return str(error)


def _page(title: str, text: str, request_id: str) -> str:
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>"
        f"<title>{html.escape(title)}</title>"
        "<style>body{font:1rem/1.5 system-ui;max-width:32rem;margin:4rem auto;padding:0 1rem}"
        "small{color:#666}</style>"
        f"<h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>"
        f"<small>Request {html.escape(request_id)}</small>"
    )


_ONE = "integrations/{id}/connections/{connectionId}"

ROUTES = (
    Route(
        "ConnectIntegration",
        "POST",
        "integrations/{id}/connection/authorize",
        "Begin to connect by signing in at the provider",
        authorize,
        TENANT_OR_USER,
        ConnectStarted,
        body=ConnectOrder,
    ),
    Route(
        "OAuthCallback",
        "GET",
        CALLBACK,
        "Where the provider sends the browser back to",
        callback,
        None,
        query=CallbackParameters,
        answers_with_page=True,
        takes_head=False,
    ),
    Route(
        "ListConnections",
        "GET",
        "integrations/{id}/connections",
        "An integration's connections",
        list_connections,
        TENANT_OR_USER,
        Listing[ConnectionInfo],
        query=ListQuery,
    ),
    Route("ReadConnection", "GET", _ONE, "One connection", get_connection, TENANT_OR_USER, ConnectionInfo),
    Route(
        "Disconnect",
        "DELETE",
        _ONE,
        "End a connection and give its tokens back",
        disconnect,
        TENANT_OR_USER,
        status=HTTPStatus.NO_CONTENT,
    ),
)
