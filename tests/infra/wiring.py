"""How main.bicep puts the modules together, and that nothing else is in them than is listed here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infra.inventory import RESOURCES
from tests.infra.syntax import Module, Templates

OUTPUTS = {
    "identityId": "app.id",
    "identityClientId": "app.properties.clientId",
    "appPrincipalId": "app.properties.principalId",
    "archiverIdentityId": "archiver.id",
    "archiverIdentityClientId": "archiver.properties.clientId",
    "archiverPrincipalId": "archiver.properties.principalId",
    "cosmosId": "account.id",
    "cosmosEndpoint": "account.properties.documentEndpoint",
    "cosmosDatabase": "databaseName",
    "serviceBusId": "namespace.id",
    "serviceBusNamespace": "namespace.name.servicebus.windows.net",
    "keyVaultId": "vault.id",
    "keyVaultUrl": "vault.properties.vaultUri",
    "archiveId": "account.id",
    "blobAccountUrl": "account.properties.primaryEndpoints.blob",
    "blobContainer": "history.name",
    "auditContainer": "audit.name",
    "hostStorageId": "account.id",
    "hostStorageName": "account.name",
    "deploymentContainerUrl": "account.properties.primaryEndpoints.blobpackages",
    "workspaceId": "workspace.id",
    "insightsConnectionString": "insights.properties.ConnectionString",
    "networkId": "network.id",
    "appSubnetId": "network.id/subnets/app",
    "endpointsSubnetId": "network.id/subnets/endpoints",
    "name": "app.name",
    "url": "https://app.properties.defaultHostName",
}
"""Of all modules: each name means one thing everywhere."""

ONLY_IF = {"network": "privateNetwork", "private-endpoints": "privateNetwork"}
"""Modules that a parameter leaves out."""

_OWN = {"name", "tags"}
"""Parameters that each module gets a value of its own for."""


def wiring_drift(templates: Templates) -> Iterator[str]:
    """Yield a line for each module, resource, output or parameter that is not what it is listed as."""
    calls = templates.main.tree["modules"]
    called = Counter(_module_of(call) for call in calls.values())
    for name in sorted(RESOURCES.keys() - {"main"} | templates.modules.keys() | called.keys()):
        if name not in templates.modules or name not in RESOURCES or called[name] != 1:
            yield f"the module {name} is called {called[name]} times, or no file, or not listed"
    for call in calls.values():
        if _module_of(call) in templates.modules:
            yield from _call_drift(templates, call)
    for module in templates.all.values():
        yield from _resource_drift(module)
    yield from _output_drift(templates)


def _module_of(call: Mapping[str, Any]) -> str:
    return str(call["detail"]["path"]).removeprefix("modules/").removesuffix(".bicep")


def _call_drift(templates: Templates, call: Mapping[str, Any]) -> Iterator[str]:
    name, config = _module_of(call), call["config"]
    if config.get("condition") != ONLY_IF.get(name):
        yield f"the module {name} is deployed under another condition than {ONLY_IF.get(name)}"
    given = config.get("config", config)["params"]
    taken = templates.modules[name].tree["parameters"]
    needed = {each for each, about in taken.items() if about["default"] is None}
    if needed - given.keys() or given.keys() - taken.keys():
        yield f"the module {name} gets {sorted(given)}, and takes {sorted(taken)}"
    for parameter, value in given.items():
        if parameter not in _OWN and not _is_its_namesake(templates, parameter, value):
            yield f"the parameter {parameter} of {name} is not what has its name"


def _is_its_namesake(templates: Templates, parameter: str, value: Any) -> bool:
    """True for main.bicep's own value of that name, and for a module's output of that name."""
    operator = value.get("operator", {}) if isinstance(value, dict) else {}
    if operator.get("type") == "conditional":
        value = operator["operands"]["true_value"]
    if isinstance(value, str):
        return value == parameter and value in {
            **templates.main.tree["parameters"],
            **templates.main.tree["variables"],
        }
    symbol, _, output = str(templates.main.value(value)).partition(".outputs.")
    call = templates.main.tree["modules"].get(symbol)
    source = templates.modules.get(_module_of(call)) if call else None
    return output == parameter and source is not None and output in source.tree.get("outputs", {})


def _resource_drift(module: Module) -> Iterator[str]:
    found = {symbol: resource["type"] for symbol, resource in module.resources.items()}
    wanted = RESOURCES.get(module.name, {})
    for symbol in sorted(found.keys() | wanted.keys()):
        if found.get(symbol) != wanted.get(symbol):
            yield f"{module.name} has {symbol} as {found.get(symbol)}; listed is {wanted.get(symbol)}"


def _output_drift(templates: Templates) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for module in templates.modules.values():
        for name, output in module.tree.get("outputs", {}).items():
            seen[name] += 1
            value = module.value(output["value"])
            if value != OUTPUTS.get(name):
                yield f"the output {name} of {module.name} is {value}; listed is {OUTPUTS.get(name)}"
    if any(count != 1 for count in seen.values()) or seen.keys() != OUTPUTS.keys():
        yield f"other outputs than listed: {sorted(seen.keys() ^ OUTPUTS.keys())}, or one twice: {seen}"
