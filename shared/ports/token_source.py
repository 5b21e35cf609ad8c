"""Access tokens: what an adapter needs from above, and what gets new ones needs from below."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a request carries in place of credentials (RFC 6749, 1.4). The repr does not show it."""

    value: str = field(repr=False)


class TokenSource(Protocol):
    """One integration's access tokens."""

    async def token(self) -> AccessToken:
        """Return a token that is good now, asking for a new one where there is none.

        Raises:
            CredentialsRejectedError: The authorisation server no longer knows the grant.
            ConfigurationError: It does not accept us as a client, or the credentials can't be sent.
            ProviderContractError: Its answer is none of an authorisation server.
            RetryableError: It does not answer just now, or somebody else is asking for the same token.
        """
        ...

    async def renew(self, rejected: AccessToken) -> AccessToken:
        """Return another token than the one that the provider has just rejected; raises what `token` does."""
        ...


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """The answer of an authorisation server (RFC 6749, 5.1). The repr shows no token.

    Attributes:
        access_token: For requests.
        lifetime_seconds: From the answer on; None where the server does not tell.
        refresh_token: The one to use from now on; None keeps the present one.
        scopes: What was granted; None where the server does not tell, which means what was asked for.
    """

    access_token: AccessToken
    lifetime_seconds: float | None = None
    refresh_token: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] | None = None


class TokenEndpoint(Protocol):
    """Where an integration's access tokens come from."""

    @property
    def consumes_refresh_token(self) -> bool:
        """True where asking may use up what is stored: then only one may ask at a time, anywhere."""
        ...

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait for a turn among all requests to the provider's endpoint; take it before the token's lease."""
        ...

    async def request(
        self, credentials: Mapping[str, str], timeout_seconds: float | None = None
    ) -> TokenGrant:
        """Ask once for a token.

        Args:
            credentials: The client's (`clientId`, `clientSecret` ...) and, where `consumes_refresh_token`,
                the `refreshToken`.
            timeout_seconds: At most so long, where that is less than the document's time-out.

        Raises:
            What `TokenSource.token` does. After a RetryableError the request may have been carried out.
        """
        ...

    async def revoke(self, credentials: Mapping[str, str], token: str) -> bool:
        """Give a refresh token back (RFC 7009); False where the provider has no way to.

        Args:
            credentials: The client's.
            token: The refresh token.

        Raises:
            What `TokenSource.token` does.
        """
        ...


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """Where to send a person's browser (RFC 6749, 4.1.1).

    Attributes:
        url: The provider's page, with our client, state and challenge.
        verifier: What proves at the exchange that we began (RFC 7636); None where the server knows no PKCE.
    """

    url: str = field(repr=False)
    verifier: str | None = field(repr=False)


class AuthorizationEndpoint(Protocol):
    """Where a person allows the app in, and what comes back is exchanged for tokens."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is asked for."""
        ...

    def begin(self, client_id: str, redirect_uri: str, state: str) -> AuthorizationRequest:
        """Return where to send the browser; nothing goes over the network."""
        ...

    async def exchange(
        self, credentials: Mapping[str, str], code: str, redirect_uri: str, verifier: str | None
    ) -> TokenGrant:
        """Exchange a code for tokens, once (RFC 6749, 4.1.3).

        Args:
            credentials: The client's.
            code: What the browser brought.
            redirect_uri: The same as at the beginning.
            verifier: As `begin` made it.

        Raises:
            What `TokenSource.token` does; CredentialsRejectedError for a code that is not good (any more).
        """
        ...
