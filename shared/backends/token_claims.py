"""What must be right about a bearer token, whoever signed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from jwt.exceptions import InvalidSubjectError

from shared.domain.errors import UnauthenticatedError
from shared.ports.clock import Clock

MAX_TOKEN_BYTES = 8 * 1024
"""Longer tokens are refused unread; HTTP servers commonly take 8 KB of headers."""

LEEWAY_SECONDS = 30
"""How far the issuer's clock and ours may be apart."""

_MAX_TIME = 2**53
_REQUIRED = ["exp", "iat", "sub"]
_OPTIONS: Any = {
    "require": _REQUIRED,
    "enforce_minimum_key_length": True,
    # PyJWT knows only the machine's clock; `_check_times` goes by the injected one.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}
_PROBLEMS: Mapping[type[jwt.PyJWTError], str] = {
    jwt.InvalidAlgorithmError: "the token is signed with an algorithm that is not accepted",
    jwt.InvalidSignatureError: "the token's signature is wrong",
    jwt.InvalidKeyError: "the token is signed with a key that is too weak or of the wrong kind",
    jwt.InvalidIssuerError: "the token is from another issuer",
    jwt.InvalidAudienceError: "the token is for another audience",
    InvalidSubjectError: "the token's subject must be text",
}


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """Who must have issued a token, for whom, and the clock that tells whether it is still good."""

    issuer: str
    audience: str
    clock: Clock

    def verify(
        self, token: str, key: jwt.PyJWK | EllipticCurvePublicKey, algorithms: Sequence[str]
    ) -> Mapping[str, Any]:
        """Return the claims of a token that one of the pinned algorithms verifies with this key.

        Raises:
            UnauthenticatedError: Anything is wrong; the message names what, and holds no part of the token.
        """
        check_form(token)
        try:
            claims: dict[str, Any] = jwt.decode(
                token, key, list(algorithms), _OPTIONS, issuer=self.issuer, audience=self.audience
            )
        except jwt.PyJWTError as error:
            raise UnauthenticatedError(_describe(error)) from None
        if not claims["sub"]:
            raise UnauthenticatedError("the token's subject is empty")
        self._check_times(claims)
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self.clock.now().timestamp()
        if _time(claims, "exp") <= now - LEEWAY_SECONDS:
            raise UnauthenticatedError("the token has expired")
        if _time(claims, "iat") > now + LEEWAY_SECONDS:
            raise UnauthenticatedError("the token says that it was issued in the future")
        if "nbf" in claims and _time(claims, "nbf") > now + LEEWAY_SECONDS:
            raise UnauthenticatedError("the token is not valid yet")


def check_form(token: str) -> None:
    """Refuse what can't be a token before anything parses it.

    Raises:
        UnauthenticatedError: Too long, or not in the alphabet of tokens.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise UnauthenticatedError(f"the token is longer than {MAX_TOKEN_BYTES} bytes")
    if not token.isascii():
        raise UnauthenticatedError("the token is malformed")


def _describe(error: jwt.PyJWTError) -> str:
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"the token has no {error.claim}"
    return _PROBLEMS.get(type(error), "the token is malformed")


def _time(claims: Mapping[str, Any], name: str) -> float:
    """Return a time claim in seconds since 1970 (RFC 7519, NumericDate); JSON can also hold NaN and 1e999."""
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MAX_TIME:
        raise UnauthenticatedError(f"the token's {name} is not a time")
    return value
