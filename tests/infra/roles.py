"""Who may do what: the templates' role assignments, and the code's list of what it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from shared.backends.azure.grants import Identity, Role
from tests.infra.code import Code
from tests.infra.syntax import Module, Templates

_ASSIGNMENTS = (
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments",
)
_DEFINITIONS = (
    "Microsoft.Authorization/roleDefinitions",
    "Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions",
)
_PARTS = ("/containers", "/queues")
_PRINCIPALS = {f"{identity.value}PrincipalId": identity.value for identity in Identity}


def role_drift(templates: Templates, code: Code) -> Iterator[str]:
    """Yield a line for each grant that is missing, and each that nobody needs."""
    wanted = {(grant.identity.value, grant.role.id or grant.role.name, grant.on) for grant in code.grants}
    found = {grant for module in templates.all.values() for grant in _grants(module)}
    yield from (f"missing: {who} as {role} on {on}" for who, role, on in sorted(wanted - found))
    yield from (f"nobody needs: {who} as {role} on {on}" for who, role, on in sorted(found - wanted))
    roles = {grant.role.name: grant.role for grant in code.grants if not grant.role.id}
    for module in templates.all.values():
        for symbol in _of_type(module, _DEFINITIONS):
            yield from _definition_drift(module, symbol, roles)


def _definition_drift(module: Module, symbol: str, roles: Mapping[str, Role]) -> Iterator[str]:
    name, permissions = _role(module, symbol), _body(module, symbol)["properties"]["permissions"]
    found = {(key, action) for each in permissions for key in each for action in module.value(each[key])}
    wanted = {("dataActions", action) for action in roles[name].data_actions} if name in roles else set()
    if found != wanted:
        yield f"the role {name} allows {sorted(found)}, not {sorted(wanted)}"


def _grants(module: Module) -> Iterator[tuple[str, str, str]]:
    for symbol in _of_type(module, _ASSIGNMENTS):
        for known, body in module.instances(symbol):
            properties = body["properties"]
            principal = str(module.value(properties["principalId"], known))
            role = str(module.value(properties["roleDefinitionId"], known))
            yield (
                _PRINCIPALS.get(principal, principal),
                _role(module, role.removesuffix(".id").rsplit("/", 1)[-1]),
                _on(module, str(module.value(body.get("scope") or properties["scope"], known))),
            )


def _role(module: Module, name: str) -> str:
    """Return a built-in role's id, or the name of one of the module's, without what makes it unique."""
    if name not in module.resources:
        return name
    return str(_body(module, name)["properties"]["roleName"]).partition(" of ")[0]


def _on(module: Module, scope: str) -> str:
    """Return a scope as the code's list writes it: the module, and the part of its service."""
    symbol, _, number = scope.removesuffix(".id").partition("[")
    if symbol in module.resources:
        if not module.resources[symbol]["type"].endswith(_PARTS):
            return module.name
        names = [str(module.value(body["name"], known)) for known, body in module.instances(symbol)]
        index = int(number.removesuffix("]") or 0)
        return f"{module.name}/{names[index] if index < len(names) else scope}"
    return f"{module.name}/{scope.rpartition('/colls/')[2]}"


def _of_type(module: Module, types: tuple[str, ...]) -> Iterator[str]:
    return (symbol for symbol, resource in module.resources.items() if resource["type"] in types)


def _body(module: Module, symbol: str) -> Any:
    return next(body for _, body in module.instances(symbol))
