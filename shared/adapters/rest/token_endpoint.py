"""The client of an authorisation server's token endpoint (RFC 6749, 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from shared.adapters.rest.auth import REFRESH_TOKEN, credential_fields
from shared.adapters.rest.connection import REVOCATION_URL, TOKEN_URL, Connection
from shared.adapters.rest.jwt_bearer import GRANT_TYPE, AssertionSigner
from shared.adapters.rest.oauth import AnyOAuth2, OAuth2AuthorizationCode, OAuth2JwtBearer
from shared.adapters.rest.templates import fill
from shared.adapters.rest.token_answers import TokenAnswers
from shared.adapters.rest.token_form import TokenForms
from shared.ports.clock import Clock
from shared.ports.token_source import TokenGrant
from shared.resilience.rate_limit import RateLimiter


class RestTokenEndpoint:
    """Asks for the access tokens of one integration. Nothing goes anywhere but to `tokenUrl`.

    Args:
        forms: Sends the requests.
        auth: The document's `auth`.
        connection: What the integration's settings make of the document.
        clock: Time, for assertions.
        random_bytes: Gives so many random bytes, for their ids.
        limiter: That of everybody who asks there.
    """

    def __init__(
        self,
        forms: TokenForms,
        auth: AnyOAuth2,
        connection: Connection,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        limiter: RateLimiter,
    ) -> None:
        self._forms = forms
        self._auth = auth
        self._connection = connection
        self._url = str(connection.urls[TOKEN_URL])
        self._clock = clock
        self._random_bytes = random_bytes
        self._limiter = limiter
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
        return self._limiter.turn()

    async def request(
        self, credentials: Mapping[str, str], timeout_seconds: float | None = None
    ) -> TokenGrant:
        """Ask once; raises what the port says, without a word of the answer or of what was sent."""
        values = self._forms.values(credentials, list(credential_fields(self._auth)))
        client = {name: value for name, value in values.items() if name != REFRESH_TOKEN}
        form = {**self._parameters, **self._grant(values)}
        return self._answers.read(await self._forms.post(self._url, form, client, timeout_seconds))

    async def exchange(
        self, credentials: Mapping[str, str], code: str, redirect_uri: str, verifier: str | None
    ) -> TokenGrant:
        """Exchange an authorisation code for tokens, once (RFC 6749, 4.1.3; RFC 7636, 4.5)."""
        form = {
            **self._parameters,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            **({"code_verifier": verifier} if verifier else {}),
        }
        client = self._forms.client(credentials)
        return self._answers.read(await self._forms.post(self._url, form, client))

    async def revoke(self, credentials: Mapping[str, str], token: str) -> bool:
        """Give a refresh token back (RFC 7009); False where the document names no `revocationUrl`.

        A server that does not know the token (any more) answers as if it had taken it back.
        """
        url = self._connection.urls.get(REVOCATION_URL)
        if url is None:
            return False
        form = {"token": token, "token_type_hint": "refresh_token"}
        answer = await self._forms.post(str(url), form, self._forms.client(credentials))
        self._answers.require_success(answer)
        return True

    def _grant(self, values: Mapping[str, str]) -> dict[str, str]:
        if isinstance(self._auth, OAuth2JwtBearer):
            signer = AssertionSigner(
                self._auth, self._connection.values, self._url, self._clock, self._random_bytes
            )
            return {"grant_type": GRANT_TYPE, "assertion": signer.sign(values)}
        if self.consumes_refresh_token:
            # Without `scope`: the grant keeps the one that the person agreed to (RFC 6749, 6).
            return {"grant_type": "refresh_token", "refresh_token": values[REFRESH_TOKEN]}
        scope = self._auth.scope_separator.join(self._auth.scopes)
        return {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
