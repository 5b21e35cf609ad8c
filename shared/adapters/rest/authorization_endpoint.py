"""Where a person allows the app in (RFC 6749, 4.1), with proof that the exchange is ours (RFC 7636)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

from shared.adapters.rest.connection import AUTHORIZATION_URL, Connection
from shared.adapters.rest.oauth import OAuth2AuthorizationCode
from shared.adapters.rest.templates import fill
from shared.adapters.rest.token_endpoint import RestTokenEndpoint
from shared.ports.token_source import AuthorizationRequest, TokenGrant

_VERIFIER_BYTES = 32
"""Makes 43 characters, as RFC 7636, 4.1 recommends."""


class RestAuthorizationEndpoint:
    """Sends browsers to `authorizationUrl`, and exchanges what they bring back at `tokenUrl`.

    Args:
        auth: The document's `auth`.
        connection: What the integration's settings make of the document.
        tokens: The token endpoint.
        random_bytes: Gives so many random bytes.
    """

    def __init__(
        self,
        auth: OAuth2AuthorizationCode,
        connection: Connection,
        tokens: RestTokenEndpoint,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._auth = auth
        self._url = str(connection.urls[AUTHORIZATION_URL])
        self._tokens = tokens
        self._random_bytes = random_bytes
        self._parameters = {
            name: fill(template, connection.values)
            for name, template in auth.authorization_parameters.items()
        }

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is asked for."""
        return self._auth.scopes

    def begin(self, client_id: str, redirect_uri: str, state: str) -> AuthorizationRequest:
        """Return where to send the browser; nothing goes over the network."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # noqa: PLC0415 - takes 80 ms
        from authlib.oauth2.rfc7636 import create_s256_code_challenge  # noqa: PLC0415 - the same

        verifier, challenge = None, {}
        if self._auth.pkce:
            verifier = base64.urlsafe_b64encode(self._random_bytes(_VERIFIER_BYTES)).decode().rstrip("=")
            challenge = {
                "code_challenge": create_s256_code_challenge(verifier).rstrip("="),
                "code_challenge_method": "S256",
            }
        url = prepare_grant_uri(
            self._url,
            client_id,
            "code",
            redirect_uri=redirect_uri,
            scope=self._auth.scope_separator.join(self._auth.scopes) or None,
            state=state,
            **self._parameters,
            **challenge,
        )
        return AuthorizationRequest(str(url), verifier)

    async def exchange(
        self, credentials: Mapping[str, str], code: str, redirect_uri: str, verifier: str | None
    ) -> TokenGrant:
        """Exchange a code for tokens, once."""
        return await self._tokens.exchange(credentials, code, redirect_uri, verifier)
