"""The client of an authorisation server's token endpoint (RFC 6749, 3.2)."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from urllib.parse import quote_plus, urlencode

from shared.adapters.http import FORM_TYPE, HttpClient, HttpRequest, read_aside
from shared.adapters.rest.auth import credential_fields
from shared.adapters.rest.connection import TOKEN_URL, Connection
from shared.adapters.rest.limits import Timeouts
from shared.adapters.rest.oauth import OAuth2AuthorizationCode, OAuth2ClientCredentials
from shared.adapters.rest.templates import fill
from shared.adapters.rest.token_answers import TokenAnswers
from shared.domain.errors import ConfigurationError, Problem
from shared.domain.validation import as_text
from shared.ports.token_source import TokenGrant

_MAY_BE_EMPTY = frozenset({"clientSecret"})  # of clients that can't keep one (RFC 6749, 2.1)


class RestTokenEndpoint:
    """Asks for the access tokens of one integration. Nothing goes anywhere but to `tokenUrl`.

    Args:
        http: Sends the requests.
        auth: The document's `auth`.
        connection: What the integration's settings make of the document.
        timeouts: For one exchange.
    """

    def __init__(
        self,
        http: HttpClient,
        auth: OAuth2ClientCredentials | OAuth2AuthorizationCode,
        connection: Connection,
        timeouts: Timeouts,
    ) -> None:
        self._http = http
        self._auth = auth
        self._url = str(connection.urls[TOKEN_URL])
        self._timeouts = timeouts
        self._parameters = {
            name: fill(template, connection.values) for name, template in auth.parameters.items()
        }
        self._answers = TokenAnswers(auth)

    @property
    def consumes_refresh_token(self) -> bool:
        """True where the grant is a refresh token: servers may give another and forget the one sent."""
        return isinstance(self._auth, OAuth2AuthorizationCode)

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait for a turn among all requests to the provider's endpoint."""
        return nullcontext()

    async def request(
        self, credentials: Mapping[str, str], timeout_seconds: float | None = None
    ) -> TokenGrant:
        """Ask once; raises what the port says, without a word of the answer or of what was sent."""
        values = self._checked(credentials)
        headers, client = self._client(values["clientId"], values["clientSecret"])
        form = {**self._parameters, **self._grant(values), **client}
        response = await self._http.send(
            HttpRequest(
                "POST",
                self._url,
                headers,
                timeout_seconds=min(self._timeouts.total_seconds, timeout_seconds or math.inf),
                connect_timeout_seconds=self._timeouts.connect_seconds,
                body=urlencode(form).encode(),
                secrets=frozenset(filter(None, values.values())),
                content_type=FORM_TYPE,
            )
        )
        return await read_aside(self._answers.read, response)

    async def revoke(self, credentials: Mapping[str, str], token: str) -> bool:
        """Give a refresh token back; False where the document names no `revocationUrl`."""
        raise NotImplementedError

    def _checked(self, credentials: Mapping[str, str]) -> dict[str, str]:
        values = {name: credentials.get(name, "") for name in credential_fields(self._auth)}
        if missing := [name for name, value in values.items() if not value and name not in _MAY_BE_EMPTY]:
            problems = [
                Problem(f"credentials.{name}", "is missing; connect the integration") for name in missing
            ]
            raise ConfigurationError(f"The credentials don't fit the provider: {as_text(problems)}")
        return values

    def _grant(self, values: Mapping[str, str]) -> dict[str, str]:
        if self.consumes_refresh_token:
            # Without `scope`: the grant keeps the one that the person agreed to (RFC 6749, 6).
            return {"grant_type": "refresh_token", "refresh_token": values["refreshToken"]}
        scope = self._auth.scope_separator.join(self._auth.scopes)
        return {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})

    def _client(self, client_id: str, secret: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return the headers and the fields of the form that say who asks (RFC 6749, 2.3.1)."""
        if not secret:
            return {}, {"client_id": client_id}
        if self._auth.client_auth == "body":
            return {}, {"client_id": client_id, "client_secret": secret}
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}, {}
