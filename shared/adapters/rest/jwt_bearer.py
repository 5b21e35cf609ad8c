"""Assertions by which a service account signs in (RFC 7523, 2.1 and 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shared.adapters.rest.oauth import OAuth2JwtBearer
from shared.adapters.rest.templates import fill
from shared.domain.errors import ConfigurationError
from shared.ports.clock import Clock

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME_SECONDS = 300
"""Long enough for clocks that differ, short enough for one that leaks; Google takes up to an hour."""

_ALGORITHM = "RS256"
_ID_BYTES = 16


class AssertionSigner:
    """Signs assertions with the credential `privateKey`, in the name of the credential `clientEmail`.

    Args:
        auth: The document's `auth`.
        values: For its placeholders.
        token_url: The audience, unless the document names another.
        clock: Time.
        random_bytes: Gives so many random bytes.
    """

    def __init__(
        self,
        auth: OAuth2JwtBearer,
        values: Mapping[str, str],
        token_url: str,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._auth = auth
        self._audience = fill(auth.audience, values) if auth.audience else token_url
        self._subject = fill(auth.subject, values) if auth.subject else None
        self._clock = clock
        self._random_bytes = random_bytes

    def sign(self, credentials: Mapping[str, str]) -> str:
        """Return an assertion that is good for five minutes from now.

        Raises:
            ConfigurationError: The credential `privateKey` is no RSA key in PEM.
        """
        import jwt  # noqa: PLC0415 - with its cryptography it takes 100 ms

        now = int(self._clock.now().timestamp())
        scope = self._auth.scope_separator.join(self._auth.scopes)
        claims = {
            "iss": credentials["clientEmail"],
            "aud": self._audience,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "jti": self._random_bytes(_ID_BYTES).hex(),
            **({"sub": self._subject} if self._subject else {}),
            **({"scope": scope} if scope else {}),
        }
        key = credentials["privateKey"].replace("\\n", "\n")
        try:
            return jwt.encode(claims, key, _ALGORITHM)
        except (jwt.PyJWTError, ValueError, TypeError):  # their texts may hold parts of the key
            raise ConfigurationError(
                "The credential privateKey is no RSA private key in PEM: copy all of it, from BEGIN to END."
            ) from None
