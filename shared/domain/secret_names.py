"""Names of secrets (guide, "Secret Naming Conventions"): `{scope}-{identifier}-{provider}-{type}`.

Key Vault takes 1 to 127 characters of `[0-9a-zA-Z-]` and does not tell upper from lower case, so a part that
could be misread is written in hex: two different ids never share a name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.domain.errors import InvalidRequestError

MAX_NAME = 127

_PLAIN = re.compile(r"(?!0x)[0-9a-z]+")
_HEX = "0x"


def credential_secret_name(tenant_id: str, integration_id: str, provider_id: str) -> str:
    """Return the name of an integration's static credentials.

    Raises:
        InvalidRequestError: The ids are too long for a secret's name.
    """
    parts = (_encoded(tenant_id), _encoded(provider_id), _encoded(integration_id))
    return _joined(("tenant", *parts, "credentials"))


def connection_secret_name(
    tenant_id: str, integration_id: str, provider_id: str, user_id: str | None = None
) -> str:
    """Return the name of a connection's refresh token: the tenant's, or one of its users'.

    Raises:
        InvalidRequestError: The ids are too long for a secret's name.
    """
    owner = ("user", _encoded(user_id)) if user_id is not None else ()
    parts = (_encoded(tenant_id), *owner, _encoded(provider_id), _encoded(integration_id))
    return _joined(("tenant", *parts, "oauth"))


def parse_credential_secret_name(name: str) -> tuple[str, str, str]:
    """Return tenant, integration and provider: the inverse of `credential_secret_name`.

    Raises:
        InvalidRequestError: It is no such name.
    """
    match name.split("-"):
        case ["tenant", tenant_id, provider_id, integration_id, "credentials"]:
            return _decoded(tenant_id), _decoded(integration_id), _decoded(provider_id)
        case _:
            raise InvalidRequestError("This is no name of an integration's credentials.")


def _joined(parts: Sequence[str]) -> str:
    name = "-".join(parts)
    if len(name) > MAX_NAME:
        raise InvalidRequestError(
            f"The secret's name has {len(name)} characters, Key Vault takes {MAX_NAME}: use shorter ids."
        )
    return name


def _encoded(part: str) -> str:
    return part if _PLAIN.fullmatch(part) else _HEX + part.encode().hex()


def _decoded(part: str) -> str:
    try:
        return bytes.fromhex(part.removeprefix(_HEX)).decode() if part.startswith(_HEX) else part
    except ValueError:
        raise InvalidRequestError("This is no name of an integration's credentials.") from None
