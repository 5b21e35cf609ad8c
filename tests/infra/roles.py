"""Who may do what on the services, and whether the templates grant just that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.infra.syntax import access


@dataclass(frozen=True)
class Grant:
    """An identity's role on a scope; custom roles and scopes by their symbols in the module."""

    principal: str
    role: str
    scope: str


_COLLECTIONS = "${account.id}/dbs/${databaseName}/colls"
_DOCUMENTS = "00000000-0000-0000-0000-000000000002"
"""Cosmos DB Built-in Data Contributor."""

GRANTS: Mapping[str, set[Grant]] = {
    "cosmos.bicep": {
        Grant("each of appPrincipalId, archiverPrincipalId", "metadataReader", "account"),
        Grant("appPrincipalId", _DOCUMENTS, f"{_COLLECTIONS}/each of declared.writableContainers"),
        Grant("appPrincipalId", "auditWriter", f"{_COLLECTIONS}/${{declared.auditContainer}}"),
        Grant("archiverPrincipalId", "auditRemover", f"{_COLLECTIONS}/${{declared.auditContainer}}"),
    },
    "service-bus.bicep": {
        Grant("appPrincipalId", "090c5cfd-751d-490a-894a-3ce6f1109419", "queues"),  # Data Owner
    },
    "key-vault.bicep": {Grant("appPrincipalId", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7", "vault")},  # Officer
    "archive.bicep": {  # Storage Blob Data Contributor
        Grant("appPrincipalId", "ba92f5b4-2d11-453d-a403-e96b0029c9fe", "audit"),
        Grant("appPrincipalId", "ba92f5b4-2d11-453d-a403-e96b0029c9fe", "history"),
    },
    "host-storage.bicep": {
        Grant("appPrincipalId", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "account"),  # Blob Data Owner
        Grant("appPrincipalId", "974c5e8b-45b9-4653-ba55-5f855dd0fb88", "account"),  # Queue Data Contributor
        Grant("appPrincipalId", "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3", "account"),  # Table Data Contributor
    },
    "monitoring.bicep": {  # Monitoring Metrics Publisher
        Grant("appPrincipalId", "3913510d-42f4-4e42-8a64-420c390055eb", "insights")
    },
}
"""By module. Nobody may do anything else."""

CUSTOM_ROLES: Mapping[str, set[str]] = {
    "metadataReader": {"readMetadata"},
    "auditWriter": {"items/create", "items/read", "executeQuery", "readChangeFeed"},
    "auditRemover": {"items/delete"},
}
"""What the roles of Cosmos DB that the templates define allow: their actions' last words."""

_ASSIGNMENTS = (
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments",
)


def role_drift(modules: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each grant that is missing, and each that nobody needs."""
    for name, module in modules.items():
        found, wanted = set(_grants(module)), GRANTS.get(name, set())
        yield from (f"{name} lacks {grant}" for grant in wanted - found)
        yield from (f"{name} has {grant}, which nobody needs" for grant in found - wanted)
    for symbol, wanted_actions in CUSTOM_ROLES.items():
        actions = _actions(modules["cosmos.bicep"]["resources"][symbol])
        if actions != wanted_actions:
            yield f"the role {symbol} allows {sorted(actions)}, not {sorted(wanted_actions)}"


def _grants(module: Mapping[str, Any]) -> Iterator[Grant]:
    for resource in module.get("resources", {}).values():
        if resource["type"] not in _ASSIGNMENTS:
            continue
        config, loop = resource["config"], {}
        if "loop_type" in config:
            detail = config["loop_type"]["detail"]
            loop, config = {detail["item_name"]: _listed(detail["array_name"], module)}, config["config"]
        properties = config["properties"]
        role = _role(properties["roleDefinitionId"])
        roles = loop.get(role) or [module["variables"].get(role, {}).get("value", role)]
        scope = _scope(config.get("scope") or properties["scope"], loop)
        principal = _each(loop.get(properties["principalId"], properties["principalId"]))
        yield from (Grant(principal, one, scope) for one in roles)


def _listed(array: Any, module: Mapping[str, Any]) -> list[str] | str:
    if isinstance(array, list):
        return array
    owner = access(array)
    if owner:
        return f"each of {owner[0]}.{owner[1]}"
    values: list[str] = module["variables"][array]["value"]
    return values


def _role(value: Any) -> str:
    """Return the symbol that says which role."""
    if owner := access(value):
        return str(owner[0])
    if isinstance(value, str):
        return str(re.findall(r"\$\{(\w+)\}", value)[-1])
    return str(value["function"]["parameters"]["resource_name_1"])


def _scope(value: Any, loop: Mapping[str, Any]) -> str:
    if isinstance(value, dict) and value["operator"]["type"] == "index_accessor":
        return str(value["operator"]["operands"]["operand_1"])
    if owner := access(value):
        return str(owner[0])
    text = str(value)
    for item, values in loop.items():
        text = text.replace(f"${{{item}}}", _each(values))
    return text


def _each(values: list[str] | str) -> str:
    return values if isinstance(values, str) else f"each of {', '.join(values)}"


def _actions(role: Mapping[str, Any]) -> set[str]:
    permissions = role["config"]["properties"]["permissions"]
    texts = [action for permission in permissions for action in permission["dataActions"]]
    named = [text.replace("${itemActions}", "containers/items") for text in texts]
    return {
        "/".join(text.split("/")[-2:]) if "/items/" in text else text.rsplit("/", 1)[-1] for text in named
    }
