"""Who calls: bearer tokens in, verified claims out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class TokenVerifier(Protocol):
    """Verifies the host platform's bearer tokens (JWT, RFC 7519)."""

    async def verify(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token whose signature, issuer, audience and lifetime are right.

        Raises:
            UnauthenticatedError: Anything about the token is wrong; the message is safe to show.
            UnavailableError: The signing keys can't be fetched.
        """
        ...
