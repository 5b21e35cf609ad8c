"""Access tokens: what an adapter needs from above, and what gets new ones needs from below."""

from __future__ import annotations

from collections.abc import Mapping
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
    """

    access_token: AccessToken
    lifetime_seconds: float | None = None
    refresh_token: str | None = field(default=None, repr=False)


class TokenEndpoint(Protocol):
    """Where an integration's access tokens come from."""

    @property
    def consumes_refresh_token(self) -> bool:
        """True where asking may use up what is stored: then only one may ask at a time, anywhere."""
        ...

    async def request(self, credentials: Mapping[str, str]) -> TokenGrant:
        """Ask once for a token, with the integration's stored credentials.

        Raises:
            What `TokenSource.token` does. After a RetryableError the request may have been carried out.
        """
        ...
