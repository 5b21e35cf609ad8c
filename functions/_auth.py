"""Who calls: from the bearer token's claims to a Caller."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from shared.domain.caller import Caller, Role
from shared.domain.errors import ForbiddenError, InvalidRequestError, Problem, UnauthenticatedError
from shared.ports.identity import TokenVerifier

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_NAMES_ITS_TENANT = {Role.SUPER_ADMIN, Role.SERVICE}


async def identify(tokens: TokenVerifier, headers: Mapping[str, str]) -> Caller:
    """Return the caller.

    A super admin and the host platform name the tenant with `X-Tenant-Id`; for everyone else the token
    decides.

    Raises:
        UnauthenticatedError: No token, a wrong one, or claims that make no sense.
        ForbiddenError: The caller names another tenant than the token's.
        UnavailableError: The issuer's keys can't be fetched.
    """
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError("Send a token: Authorization: Bearer <token>.")
    claims = await tokens.verify(token.strip())
    roles = _roles(claims)
    return Caller(user_id=str(claims["sub"]), tenant_id=_tenant(claims, roles, headers), roles=roles)


def _roles(claims: Mapping[str, Any]) -> frozenset[Role]:
    known = set(Role)
    given = claims.get("roles")
    roles = (
        frozenset(Role(name) for name in given if name in known) if isinstance(given, list) else frozenset()
    )
    if not roles:
        raise UnauthenticatedError("The token names no role that is known here.")
    return roles


def _tenant(claims: Mapping[str, Any], roles: frozenset[Role], headers: Mapping[str, str]) -> str | None:
    own = claims.get("tenantId")
    named = headers.get("X-Tenant-Id")
    if own is not None and not (isinstance(own, str) and _ID.fullmatch(own)):
        raise UnauthenticatedError("The token's tenantId is no tenant's id.")
    if named and not _ID.fullmatch(named):
        raise InvalidRequestError(
            "The request names no tenant.", [Problem("X-Tenant-Id", "not a tenant's id")]
        )
    if roles & _NAMES_ITS_TENANT:
        return named or own
    if own is None:
        raise UnauthenticatedError("The token names no tenant.")
    if named and named != own:
        raise ForbiddenError("The token is another tenant's than X-Tenant-Id names.")
    return own
