"""Forms for an authorisation server's token and revocation endpoints (RFC 6749, 3.2; RFC 7009, 2.1)."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from urllib.parse import quote_plus, urlencode

from shared.adapters.http import FORM_TYPE, HttpClient, HttpRequest, HttpResponse
from shared.adapters.rest.auth import REFRESH_TOKEN, credential_fields
from shared.adapters.rest.limits import Timeouts
from shared.adapters.rest.oauth import AnyOAuth2
from shared.domain.errors import ConfigurationError, Problem
from shared.domain.validation import as_text

MAX_ANSWER_BYTES = 65_536
"""Of a token endpoint's answer: a few tokens of a few kilobytes each."""

_MAY_BE_EMPTY = frozenset({"clientSecret"})  # of clients that can't keep one (RFC 6749, 2.1)


class TokenForms:
    """Sends forms in the name of a client. The credentials go nowhere but to the URL given.

    Args:
        http: Sends the requests.
        auth: The document's `auth`.
        timeouts: For one exchange.
    """

    def __init__(self, http: HttpClient, auth: AnyOAuth2, timeouts: Timeouts) -> None:
        self._http = http
        self._auth = auth
        self._timeouts = timeouts

    async def post(
        self,
        url: str,
        form: Mapping[str, str],
        credentials: Mapping[str, str],
        timeout_seconds: float | None = None,
    ) -> HttpResponse:
        """Send a form with the client's id and secret, and return the answer, whatever its status.

        Args:
            url: Where to.
            form: What it says. None of its values is repeated in an error.
            credentials: The client's, as `client` returns them.
            timeout_seconds: At most so long, where that is less than the document's time-out.

        Raises:
            UnavailableError, ConfigurationError, ProviderContractError: As `HttpClient.send`.
        """
        headers, fields = self._client(credentials)
        return await self._http.send(
            HttpRequest(
                "POST",
                url,
                headers,
                timeout_seconds=min(self._timeouts.total_seconds, timeout_seconds or math.inf),
                connect_timeout_seconds=self._timeouts.connect_seconds,
                body=urlencode({**form, **fields}).encode(),
                secrets=frozenset(filter(None, (*credentials.values(), *form.values()))),
                content_type=FORM_TYPE,
                max_response_bytes=MAX_ANSWER_BYTES,
            )
        )

    def client(self, credentials: Mapping[str, str]) -> dict[str, str]:
        """Return the client's credentials among others: all that people enter.

        Raises:
            ConfigurationError: One is missing.
        """
        return self.values(
            credentials, [name for name in credential_fields(self._auth) if name != REFRESH_TOKEN]
        )

    def values(self, credentials: Mapping[str, str], names: list[str]) -> dict[str, str]:
        """Return these credentials.

        Raises:
            ConfigurationError: One is missing.
        """
        values = {name: credentials.get(name, "") for name in names}
        if missing := [name for name, value in values.items() if not value and name not in _MAY_BE_EMPTY]:
            problems = [
                Problem(f"credentials.{name}", "is missing; connect the integration") for name in missing
            ]
            raise ConfigurationError(f"The credentials don't fit the provider: {as_text(problems)}")
        return values

    def _client(self, credentials: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Return the headers and the fields of the form that say who asks (RFC 6749, 2.3.1)."""
        client_id, secret = credentials.get("clientId"), credentials.get("clientSecret")
        if client_id is None:
            return {}, {}  # an assertion says it
        if not secret:
            return {}, {"client_id": client_id}
        if self._auth.client_auth == "body":
            return {}, {"client_id": client_id, "client_secret": secret}
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}, {}
