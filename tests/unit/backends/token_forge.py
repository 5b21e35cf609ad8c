"""Makes tokens, good ones and such as attackers make."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.fakes.clock import START

ISSUER = "https://login.example"
AUDIENCE = "castiel"
NOW = int(START.timestamp())
CLAIMS: Mapping[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "ada-lovelace",
    "tenantId": "acme",
    "roles": ["tenant_admin"],
    "iat": NOW,
    "exp": NOW + 3600,
}


@dataclass(frozen=True)
class Forge:
    """A signing key, the algorithm that goes with it, and the id that it is published under."""

    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    algorithm: str
    key_id: str = "key-1"

    def sign(self, **changes: Any) -> str:
        """Return a good token but for these claims; None leaves a claim out."""
        claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
        return jwt.encode(claims, self.key, self.algorithm, {"kid": self.key_id})

    def public_pem(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _unsigned(forge: Forge) -> str:
    return _assemble({"alg": "none", "typ": "JWT", "kid": forge.key_id}, b"")


def _signed_with_the_public_key(forge: Forge) -> str:
    header = {"alg": "HS256", "typ": "JWT", "kid": forge.key_id}
    message = _assemble(header, b"").rpartition(".")[0]
    return _assemble(header, hmac.digest(forge.public_pem(), message.encode(), hashlib.sha256))


def _tampered(forge: Forge) -> str:
    header, _, signature = forge.sign().split(".")
    return f"{header}.{_encode({**CLAIMS, 'roles': ['super_admin']})}.{signature}"


def _without_signature(forge: Forge) -> str:
    return forge.sign().rpartition(".")[0] + "."


def _signed_by_another_key(forge: Forge) -> str:
    return replace(forge, key=ec.generate_private_key(ec.SECP256R1())).sign()


ATTACKS: Mapping[str, tuple[Callable[[Forge], str], str]] = {
    "alg none": (_unsigned, "algorithm"),
    "HS256 with the public key": (_signed_with_the_public_key, "algorithm"),
    "tampered payload": (_tampered, "signature"),
    "no signature": (_without_signature, "signature"),
    "another key": (_signed_by_another_key, "signature"),
    "other issuer": (lambda forge: forge.sign(iss="https://evil.example"), "another issuer"),
    "no issuer": (lambda forge: forge.sign(iss=None), "no iss"),
    "issuers in a list": (lambda forge: _sign_raw(forge, iss=[ISSUER]), "another issuer"),
    "other audience": (lambda forge: forge.sign(aud=["payroll", "mail"]), "another audience"),
    "no audience": (lambda forge: forge.sign(aud=None), "no aud"),
    "expired": (lambda forge: forge.sign(exp=NOW - 30), "expired"),
    "no expiry": (lambda forge: forge.sign(exp=None), "no exp"),
    "expiry in words": (lambda forge: forge.sign(exp="never"), "exp is not a time"),
    "expiry beyond numbers": (lambda forge: forge.sign(exp=float("inf")), "exp is not a time"),
    "expiry that is no number": (lambda forge: forge.sign(exp=float("nan")), "exp is not a time"),
    "expiry true": (lambda forge: forge.sign(exp=True), "exp is not a time"),
    "not valid yet": (lambda forge: forge.sign(nbf=NOW + 31), "not valid yet"),
    "issued in the future": (lambda forge: forge.sign(iat=NOW + 31), "in the future"),
    "not issued": (lambda forge: forge.sign(iat=None), "no iat"),
    "no subject": (lambda forge: forge.sign(sub=None), "no sub"),
    "empty subject": (lambda forge: forge.sign(sub=""), "subject is empty"),
    "subject as a number": (lambda forge: _sign_raw(forge, sub=7), "subject must be text"),
    "oversize": (lambda forge: forge.sign(padding="x" * 8192), "longer than 8192 bytes"),
    "empty": (lambda _: "", "malformed"),
    "words": (lambda _: "let-me-in", "malformed"),
    "not ASCII": (lambda forge: forge.sign() + "é", "malformed"),
    "half a surrogate": (lambda _: "e30.e30.\ud800", "malformed"),
    "header that is no object": (lambda _: "W10.W10.W10", "malformed"),
    "unknown critical header": (lambda forge: _sign_raw(forge, {"crit": ["exp"]}), "malformed"),
}
"""By name: the token, made with a key on P-256, and what the refusal says."""

GOOD_EDGES: Mapping[str, Mapping[str, Any]] = {
    "expired within the leeway": {"exp": NOW - 29},
    "valid within the leeway": {"nbf": NOW + 30},
    "issued within the leeway": {"iat": NOW + 30},
    "one of several audiences": {"aud": ["mail", AUDIENCE]},
    "times with fractions": {"iat": NOW - 0.5, "exp": NOW + 0.5},
}


def assert_says_nothing_of(token: str, message: str) -> None:
    """Fail if a refusal repeats a part of the token or what it says."""
    parts = [*token.split("."), token, "ada-lovelace", "acme", "evil.example"]
    assert not [part for part in parts if part and part in message]


def _sign_raw(forge: Forge, headers: Mapping[str, Any] | None = None, **changes: Any) -> str:
    """Sign what PyJWT would not put into a token."""
    payload = json.dumps({**CLAIMS, **changes}).encode()
    return jwt.PyJWS().encode(payload, forge.key, forge.algorithm, {"kid": forge.key_id, **(headers or {})})


def _assemble(header: Mapping[str, Any], signature: bytes) -> str:
    return f"{_encode(header)}.{_encode(CLAIMS)}.{_encode_bytes(signature)}"


def _encode(document: Mapping[str, Any]) -> str:
    return _encode_bytes(json.dumps(document).encode())


def _encode_bytes(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
