"""What keeps the services safe, property by property: none of it may change unnoticed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infra.code import Code
from tests.infra.syntax import Module, Templates

_STORAGE = {
    "properties.allowBlobPublicAccess": False,
    "properties.allowSharedKeyAccess": False,
    "properties.allowCrossTenantReplication": False,
    "properties.defaultToOAuthAuthentication": True,
    "properties.minimumTlsVersion": "TLS1_2",
    "properties.supportsHttpsTrafficOnly": True,
    "properties.publicNetworkAccess": "publicAccess",
    "properties.networkAcls.defaultAction": "unknownNetworks",
    "sku.name": "Standard_GRS",
}

FIXED: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "cosmos": {
        "account": {
            "properties.disableLocalAuth": True,
            "properties.disableKeyBasedMetadataWriteAccess": True,
            "properties.minimalTlsVersion": "Tls12",
            "properties.consistencyPolicy.defaultConsistencyLevel": "Strong",
            "properties.backupPolicy.type": "Continuous",
            "properties.backupPolicy.continuousModeProperties.tier": "Continuous30Days",
            "properties.publicNetworkAccess": "publicAccess",
            "properties.networkAclBypass": "None",
        }
    },
    "service-bus": {
        "namespace": {
            "properties.disableLocalAuth": True,
            "properties.minimumTlsVersion": "1.2",
            "properties.publicNetworkAccess": "publicAccess",
        }
    },
    "key-vault": {
        "vault": {
            "properties.enableRbacAuthorization": True,
            "properties.enableSoftDelete": True,
            "properties.softDeleteRetentionInDays": 90,
            "properties.enablePurgeProtection": True,
            "properties.publicNetworkAccess": "publicAccess",
            "properties.networkAcls.defaultAction": "unknownNetworks",
            "properties.networkAcls.bypass": "None",
        },
        "logs": {"properties.logs": [{"categoryGroup": "allLogs", "enabled": True}], "scope": "vault"},
    },
    "archive": {
        "account": _STORAGE,
        "blobs": {
            "properties.isVersioningEnabled": True,
            "properties.deleteRetentionPolicy": {"enabled": True, "days": 30},
            "properties.containerDeleteRetentionPolicy": {"enabled": True, "days": 30},
        },
        "audit": {"properties.publicAccess": "None"},
        "history": {"properties.publicAccess": "None"},
        "auditStays": {
            "parent": "audit",
            "properties.immutabilityPeriodSinceCreationInDays": "auditRetentionDays",
            "properties.allowProtectedAppendWrites": False,
        },
    },
    "host-storage": {"account": _STORAGE, "deployments": {"properties.publicAccess": "None"}},
    "function-app": {
        "app": {
            "properties.httpsOnly": True,
            "properties.siteConfig.minTlsVersion": "1.2",
            "properties.siteConfig.scmMinTlsVersion": "1.2",
            "properties.siteConfig.ftpsState": "Disabled",
            "properties.functionAppConfig.runtime.name": "python",
            "properties.functionAppConfig.deployment.storage.authentication.type": "UserAssignedIdentity",
        },
        "noPasswords": {"properties.allow": False},
    },
    "monitoring": {
        "workspace": {
            "properties.features.disableLocalAuth": True,
            "properties.retentionInDays": "logRetentionDays",
        },
        "insights": {"properties.DisableLocalAuth": True},
    },
}
"""By module, resource and path. Names of parameters stand for themselves."""

VARIABLES = {
    "publicAccess": ("privateNetwork", "Disabled", "Enabled"),
    "unknownNetworks": ("privateNetwork", "Deny", "Allow"),
}
"""Of main.bicep: the condition, and what holds if it does and if not."""

DEFAULTS = {"auditRetentionDays": 2557, "keyVaultSku": "premium", "logRetentionDays": 90}
"""Of main.bicep's parameters."""

PRODUCTION = {"auditRetentionDays": "2557", "privateNetwork": "true", "environment": "'production'"}
"""What production's parameters say."""


def fixed_drift(templates: Templates, code: Code) -> Iterator[str]:
    """Yield a line for each property that is not what it has to be."""
    for name, resources in FIXED.items():
        for symbol, properties in resources.items():
            yield from _resource_drift(templates.modules[name], symbol, properties)
    app = {"properties.functionAppConfig.runtime.version": code.python}
    yield from _resource_drift(templates.modules["function-app"], "app", app)
    yield from _main_drift(templates.main)
    text = (templates.folder / "environments" / "production.bicepparam").read_text()
    said = dict(re.findall(r"^param (\w+) = (.+)$", text, re.MULTILINE))
    for name, value in PRODUCTION.items():
        if said.get(name) != value:
            yield f"production has {name} = {said.get(name)}, not {value}"


def _resource_drift(module: Module, symbol: str, properties: Mapping[str, Any]) -> Iterator[str]:
    if symbol not in module.resources:
        yield f"{module.name} has no {symbol}"
        return
    for known, body in module.instances(symbol):
        for path, wanted in properties.items():
            found = module.value(_at(body, path), known)
            if found != wanted or type(found) is not type(wanted):
                yield f"{module.name} has {symbol}.{path} = {found!r}, not {wanted!r}"


def _at(body: Any, path: str) -> Any:
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


def _main_drift(main: Module) -> Iterator[str]:
    for name, (condition, yes, no) in VARIABLES.items():
        found = main.value(main.tree["variables"][name]["value"])
        if found != {"conditional": {"condition": condition, "true_value": yes, "false_value": no}}:
            yield f"main has {name} = {found}"
    for name, wanted in DEFAULTS.items():
        if (found := main.tree["parameters"][name]["default"]) != wanted:
            yield f"main has {name} = {found} by default, not {wanted}"
