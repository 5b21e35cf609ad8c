"""Who calls: from the bearer token's claims to a Caller."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from shared.domain.caller import Caller, Role
from shared.domain.errors import (
    ForbiddenError,
    InvalidRequestError,
    Problem,
    TokenMissingError,
    UnauthenticatedError,
)
from shared.ports.identity import TokenVerifier

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_OF_NO_TENANT = frozenset({Role.SUPER_ADMIN, Role.SERVICE})


async def identify(tokens: TokenVerifier, headers: Mapping[str, str]) -> Caller:
    """Return the caller.

    The token decides about the tenant, except in two cases, where `X-Tenant-Id` names it: a super admin may
    look at any tenant, and a service whose token is bound to none is the host platform itself. Other roles of
    such a token don't count then: they were given for another tenant, or for none.

    Raises:
        UnauthenticatedError: No token, a wrong one, or claims that make no sense.
        ForbiddenError: The token has no role that is known here, or another tenant than the header names.
        InvalidRequestError: The header is no tenant's id.
        UnavailableError: The issuer's keys can't be fetched.
    """
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenMissingError("Send a token: Authorization: Bearer <token>.")
    claims = await tokens.verify(token.strip())
    roles, own = _roles(claims), _own_tenant(claims)
    named = headers.get("X-Tenant-Id") or None
    if named and not _ID.fullmatch(named):
        raise InvalidRequestError(
            "The request names no tenant.",
            [Problem("X-Tenant-Id", "is no tenant's id; use letters, digits and . _ -")],
        )
    return _caller(str(claims["sub"]), roles, own, named)


def _caller(user_id: str, roles: frozenset[Role], own: str | None, named: str | None) -> Caller:
    if own and named in {None, own}:
        return Caller(user_id=user_id, tenant_id=own, roles=roles)
    reaching = roles & (frozenset({Role.SUPER_ADMIN}) if own else _OF_NO_TENANT)
    if reaching:
        return Caller(user_id=user_id, tenant_id=named, roles=reaching)
    if own is None:
        raise UnauthenticatedError("The token names no tenant.")
    raise ForbiddenError("The token is another tenant's than X-Tenant-Id names; leave the header out.")


def _roles(claims: Mapping[str, Any]) -> frozenset[Role]:
    known = set(Role)
    given = claims.get("roles")
    roles = (
        frozenset(Role(name) for name in given if isinstance(name, str) and name in known)
        if isinstance(given, list)
        else frozenset()
    )
    if not roles:
        raise ForbiddenError(f"The token needs one of the roles {', '.join(sorted(Role))}.")
    return roles


def _own_tenant(claims: Mapping[str, Any]) -> str | None:
    own = claims.get("tenantId")
    if own is not None and not (isinstance(own, str) and _ID.fullmatch(own)):
        raise UnauthenticatedError("The token's tenantId is no tenant's id.")
    return own
