"""Assertions by which a service account signs in (RFC 7523, 2.1 and 3)."""

from __future__ import annotations

from collections.abc import Mapping

from shared.adapters.rest.oauth import OAuth2JwtBearer
from shared.adapters.rest.templates import fill
from shared.domain.errors import ConfigurationError
from shared.ports.clock import Clock

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME_SECONDS = 300
"""Long enough for clocks that differ, short enough for one that leaks; Google takes up to an hour."""

_ALGORITHM = "RS256"


class AssertionSigner:
    """Signs assertions with the credential `privateKey`, in the name of the credential `clientEmail`.

    Args:
        auth: The document's `auth`.
        values: For its placeholders.
        token_url: The audience, unless the document names another.
        clock: Time.
    """

    def __init__(
        self, auth: OAuth2JwtBearer, values: Mapping[str, str], token_url: str, clock: Clock
    ) -> None:
        self._auth = auth
        self._audience = fill(auth.audience, values) if auth.audience else token_url
        self._subject = fill(auth.subject, values) if auth.subject else None
        self._clock = clock

    def sign(self, credentials: Mapping[str, str]) -> str:
        """Return an assertion that is good for five minutes from now.

        Raises:
            ConfigurationError: The credential `privateKey` is no RSA key in PEM.
        """
        from authlib.oauth2.rfc7523.assertion import sign_jwt_bearer_assertion  # noqa: PLC0415 - takes 80 ms

        scope = self._auth.scope_separator.join(self._auth.scopes)
        try:
            return str(
                sign_jwt_bearer_assertion(
                    key=credentials["privateKey"].replace("\\n", "\n"),
                    issuer=credentials["clientEmail"],
                    audience=self._audience,
                    subject=self._subject or None,
                    issued_at=int(self._clock.now().timestamp()),
                    expires_in=LIFETIME_SECONDS,
                    claims={"scope": scope} if scope else None,
                    alg=_ALGORITHM,
                )
            )
        except (ValueError, TypeError):  # their texts may hold parts of the key
            raise ConfigurationError(
                "The credential privateKey is no RSA private key in PEM: copy all of it, from BEGIN to END."
            ) from None
