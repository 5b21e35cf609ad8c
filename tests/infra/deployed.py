"""The templates deploy what the code declares, all of it, and as it stands."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ops.infrastructure import declared
from shared.backends.azure.grants import Identity
from tests.infra.code import Code
from tests.infra.syntax import Module, Templates

MOST_SHARING = 25
"""So many containers may share a database's request units."""

_BLOB_CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
_SAMPLED_OUT = {"Trace", "Request", "Exception"}
"""What alerts count, so that nothing of it may be left to chance."""


def deployed_drift(templates: Templates, code: Code) -> Iterator[str]:
    """Yield a line for each container or queue that is deployed otherwise than it is declared."""
    wanted = json.loads(declared(code.containers, code.queues))
    for kind, entries in wanted.items():
        if templates.declared.get(kind) != entries:
            yield f"declared.json has other {kind}: run `python -m ops infrastructure > infra/declared.json`"
    if sum(not container.is_busy for container in code.containers.values()) > MOST_SHARING:
        yield f"more than {MOST_SHARING} containers share request units"
    yield from _as_declared(templates, "cosmos", "containers", "resource")
    yield from _as_declared(templates, "service-bus", "queues", "properties")
    yield from _archives(templates.modules["archive"], code)


def host_drift(code: Code) -> Iterator[str]:
    """Yield a line where Application Insights drops what alerts count."""
    sampling = code.host["logging"]["applicationInsights"]["samplingSettings"]
    if sampling["isEnabled"] and set(sampling["excludedTypes"].split(";")) != _SAMPLED_OUT:
        yield f"host.json leaves what alerts count to chance: exclude {sorted(_SAMPLED_OUT)} from sampling"


def _as_declared(templates: Templates, name: str, kind: str, part: str) -> Iterator[str]:
    module = templates.modules[name]
    if module.resources[kind]["config"].get("condition"):
        yield f"not every declared one of {kind} is deployed"
    deployed = [module.value(body, known) for known, body in module.instances(kind)]
    found = [{"name": one["name"], part: {**one, **one["properties"]}[part]} for one in deployed]
    if found != [{key: one[key] for key in ("name", part)} for one in templates.declared[kind]]:
        yield f"{kind} are not deployed as declared"


def _archives(module: Module, code: Code) -> Iterator[str]:
    found = {
        module.value(body["name"], known)
        for symbol, resource in module.resources.items()
        if resource["type"] == _BLOB_CONTAINERS
        for known, body in module.instances(symbol)
    }
    used = {grant.on for grant in code.grants if grant.identity is Identity.APP}
    wanted = {on.removeprefix("archive/") for on in used if on.startswith("archive/")}
    if found != wanted:
        yield f"the archive has the containers {sorted(found)}, not {sorted(wanted)}"
