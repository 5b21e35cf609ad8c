"""Who signs the next request: always the same credentials, or a token that is good now."""

from __future__ import annotations

from typing import Protocol

from yarl import URL

from shared.adapters.rest.auth import Auth
from shared.adapters.rest.oauth import OAuth2
from shared.adapters.rest.signing import Signer
from shared.domain.errors import ConfigurationError
from shared.ports.adapter import Credentials
from shared.ports.token_source import AccessToken, TokenSource


class Signers(Protocol):
    """The signers of one integration's requests."""

    async def current(self) -> Signer:
        """Return the one for a request that goes out now; raises what `TokenSource.token` does."""
        ...

    async def renewed(self, rejected: Signer) -> Signer | None:
        """Return another one after the provider has rejected this one; None where there is no other."""
        ...

    def clean(self, url: URL) -> str:
        """Return a URL's path and query without credentials, whoever put them there."""
        ...


def signers_of(auth: Auth, credentials: Credentials, provider_id: str) -> Signers:
    """Bring a document's `auth` and an integration's credentials together.

    Raises:
        ConfigurationError: A credential is missing, or can't be sent; the message tells no value.
    """
    if not isinstance(auth, OAuth2):
        return _Static(Signer.of(auth, credentials, provider_id))
    if credentials.tokens is None:
        raise ConfigurationError(
            f"Requests to provider {provider_id} need an access token, and there is none."
        )
    return _Live(credentials.tokens)


class _Static:
    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    async def current(self) -> Signer:
        return self._signer

    async def renewed(self, rejected: Signer) -> Signer | None:  # noqa: ARG002 - a protocol's
        return None

    def clean(self, url: URL) -> str:
        return self._signer.clean(url)


class _Live:
    def __init__(self, tokens: TokenSource) -> None:
        self._tokens = tokens
        self._sent: frozenset[str] = frozenset()

    async def current(self) -> Signer:
        return self._signer(await self._tokens.token())

    async def renewed(self, rejected: Signer) -> Signer | None:
        return self._signer(await self._tokens.renew(rejected.token)) if rejected.token else None

    def clean(self, url: URL) -> str:
        """A page that was asked for with one token may be read when there is another: none is kept."""
        return Signer(secrets=self._sent).clean(url)

    def _signer(self, token: AccessToken) -> Signer:
        self._sent |= {token.value}
        return Signer.with_token(token)
