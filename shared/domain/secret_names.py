"""Names of secrets (guide, "Secret Naming Conventions"): `{scope}-{identifier}-{provider}-{type}`.

    tenant-{tenant}-{provider}-{integration}-{type}
    tenant-{tenant}-user-{user}-{provider}-{integration}-{type}
    system-{provider}-{type}

Key Vault takes 1 to 127 characters of `[0-9a-zA-Z-]` and does not tell upper from lower case. So a part that
could be misread is encoded: `0u` and 25 base-36 digits for a UUID, `0x` and hex for everything else. Two
different ids never share a name. The integration may hold hyphens as it is: it stands between parts without.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from shared.domain.errors import InvalidRequestError

MAX_NAME = 127

SecretType = Literal["oauth", "credentials"]
"""What a connection keeps (a refresh token), and what people enter."""

_PLAIN = re.compile(r"(?!0[xu])[0-9a-z]+")
_PLAIN_WITH_HYPHENS = re.compile(r"(?!0[xu])[0-9a-z]+(-[0-9a-z]+)*")
_CANONICAL_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEX, _UUID = "0x", "0u"
_USER = "user"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_UUID_DIGITS = 25  # 36 ** 25 > 2 ** 128


@dataclass(frozen=True, slots=True)
class SecretName:
    """What a secret's name says.

    Attributes:
        type: What it holds.
        provider_id: Always there.
        tenant_id, integration_id: Both, or neither for the system's.
        user_id: Whose it is; None for the tenant's.
    """

    type: SecretType
    provider_id: str
    tenant_id: str | None = None
    integration_id: str | None = None
    user_id: str | None = None

    def __str__(self) -> str:
        """Return the name.

        Raises:
            InvalidRequestError: The ids are too long for a secret's name.
        """
        if self.tenant_id is None or self.integration_id is None:
            parts = ["system", _encoded(self.provider_id)]
        else:
            owner = [] if self.user_id is None else [_USER, _encoded(self.user_id)]
            integration = _encoded(self.integration_id, _PLAIN_WITH_HYPHENS)
            parts = ["tenant", _encoded(self.tenant_id), *owner, _encoded(self.provider_id), integration]
        name = "-".join((*parts, self.type))
        if len(name) > MAX_NAME:
            raise InvalidRequestError(
                f"The secret's name has {len(name)} characters, Key Vault takes {MAX_NAME}: use shorter ids."
            )
        return name


def credential_secret_name(tenant_id: str, integration_id: str, provider_id: str) -> str:
    """Return the name of what people enter for an integration. Raises InvalidRequestError: ids too long."""
    return str(SecretName("credentials", provider_id, tenant_id, integration_id))


def connection_secret_name(
    tenant_id: str, integration_id: str, provider_id: str, user_id: str | None = None
) -> str:
    """Return the name of a connection's refresh token. Raises InvalidRequestError for ids too long."""
    return str(SecretName("oauth", provider_id, tenant_id, integration_id, user_id))


def system_secret_name(provider_id: str) -> str:
    """Return the name of what the whole system uses at a provider. Raises InvalidRequestError: too long."""
    return str(SecretName("oauth", provider_id))


def parse_secret_name(name: str) -> SecretName:
    """Return what a name says: the inverse of `str(SecretName(...))`.

    Raises:
        InvalidRequestError: It is none that the app would make.
    """
    try:
        parsed = _parsed(name.split("-"))
    except ValueError:
        parsed = None
    if parsed is None or str(parsed) != name:
        raise InvalidRequestError(
            "This is no name of a secret of this app: {scope}-{identifier}-{provider}-{type}."
        )
    return parsed


def _parsed(parts: list[str]) -> SecretName | None:
    match parts:
        case ["system", provider, ("oauth" | "credentials") as kind]:
            return SecretName(kind, _decoded(provider))
        case ["tenant", tenant, "user", user, provider, *rest, ("oauth" | "credentials") as kind] if rest:
            owner: str | None = _decoded(user)
        case ["tenant", tenant, provider, *rest, ("oauth" | "credentials") as kind] if rest:
            owner = None
        case _:
            return None
    return SecretName(kind, _decoded(provider), _decoded(tenant), _decoded("-".join(rest)), owner)


def _encoded(part: str, plain: re.Pattern[str] = _PLAIN) -> str:
    if _CANONICAL_UUID.fullmatch(part):
        return _UUID + _base36(UUID(part).int)
    return part if plain.fullmatch(part) and part != _USER else _HEX + part.encode().hex()


def _decoded(part: str) -> str:
    """Raises ValueError for what is no encoding."""
    if part.startswith(_HEX):
        return bytes.fromhex(part.removeprefix(_HEX)).decode()
    if part.startswith(_UUID):
        return str(UUID(int=int(part.removeprefix(_UUID), 36)))
    return part


def _base36(number: int) -> str:
    digits = ""
    for _ in range(_UUID_DIGITS):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
