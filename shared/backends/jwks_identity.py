"""Tokens of the host platform's identity provider, verified with the keys that it publishes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jwt

from shared.backends.jwks_keys import JwksKeys
from shared.backends.token_claims import ClaimRules, check_form
from shared.domain.errors import ConfigurationError, UnauthenticatedError
from shared.ports.clock import Clock

ASYMMETRIC = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""What a published key can verify (RFC 7518, section 3.1; RFC 8037). HS* would make it a shared secret."""


class JwksTokenVerifier:
    """`TokenVerifier` over a JSON Web Key Set.

    Args:
        issuer: The `iss` that every token must have.
        audience: The `aud` that every token must have, alone or among others.
        jwks_url: Where the issuer publishes its keys.
        algorithms: The signatures that are accepted; whatever a token says, no others.
        clock: Time.
        timeout_seconds: For fetching the keys once.

    Raises:
        ConfigurationError: An algorithm is unknown, symmetric or `none`.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        jwks_url: str,
        *,
        algorithms: Sequence[str] = ("RS256", "ES256"),
        clock: Clock,
        timeout_seconds: float = 5,
    ) -> None:
        refused = sorted(set(algorithms) - ASYMMETRIC)
        if refused or not algorithms:
            raise ConfigurationError(
                f"tokens can't be verified with {refused}: choose from {sorted(ASYMMETRIC)}"
            )
        self._rules = ClaimRules(issuer, audience, clock)
        self._algorithms = tuple(algorithms)
        self._keys = JwksKeys(jwks_url, self._algorithms, clock, timeout_seconds)

    async def verify(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token that one of the issuer's keys signed (see `TokenVerifier.verify`)."""
        check_form(token)
        key = await self._keys.find(self._key_id(token))
        if key is None:
            raise UnauthenticatedError("the token is signed with a key that its issuer does not publish")
        return self._rules.verify(token, key, self._algorithms)

    def _key_id(self, token: str) -> str:
        """Return the id of the key that the token claims; a token that can't be accepted causes no fetch."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise UnauthenticatedError("the token is malformed") from None
        if header.get("alg") not in self._algorithms:
            raise UnauthenticatedError("the token is signed with an algorithm that is not accepted")
        key_id = header.get("kid")
        if not key_id:
            raise UnauthenticatedError("the token does not name its key (kid)")
        return str(key_id)
