"""Who may call what: rows of the guide's permission matrix, named."""

from __future__ import annotations

from shared.domain.caller import Role

SUPER = frozenset({Role.SUPER_ADMIN})
TENANT = frozenset({Role.TENANT_ADMIN})
SUPER_OR_TENANT = SUPER | TENANT
TENANT_OR_SERVICE = frozenset({Role.TENANT_ADMIN, Role.SERVICE})
TENANT_OR_USER = frozenset({Role.TENANT_ADMIN, Role.USER})
READERS = frozenset({Role.SUPER_ADMIN, Role.TENANT_ADMIN, Role.USER})
PLATFORM = frozenset({Role.SUPER_ADMIN, Role.TENANT_ADMIN, Role.SERVICE})
ANYBODY_KNOWN = frozenset(Role)
