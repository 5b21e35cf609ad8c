"""Where the templates and the code say different things."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.infrastructure import declared
from shared.config import load_settings, variables
from shared.domain.containers import CONTAINERS
from shared.domain.errors import ConfigurationError
from tests.infra.roles import role_drift
from tests.infra.syntax import access, parsed

ROOT = Path(__file__).parents[2]

LEFT_ALONE = {
    "INTEGRATIONS_DATA_DIR": "embedded only",
    "INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES": "off in Azure, and to stay so",
    "INTEGRATIONS_LOG_LEVEL": "its default fits; an operator changes it for a while",
    "INTEGRATIONS_COSMOS_KEY": "identities only",
    "ServiceBusConnection": "identities only",
    "INTEGRATIONS_BLOB_CONNECTION": "identities only",
    "INTEGRATIONS_CA_FILE": "for local stand-ins",
}
"""Settings that templates don't set, and why."""

MOST_SHARING = 25
"""So many containers may share a database's request units."""

_HOST_SETTINGS = {
    *(f"AzureWebJobsStorage__{part}" for part in ("accountName", "credential", "clientId")),
    *(f"ServiceBusConnection__{part}" for part in ("credential", "clientId")),
    "AZURE_CLIENT_ID",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
}
"""What the Functions host and Azure's SDKs read."""

_SAMPLES = {
    "INTEGRATIONS_BACKEND": "azure",
    "INTEGRATIONS_ENVIRONMENT": "production",
    "INTEGRATIONS_BLOB_CONTAINER": "history",
    "ServiceBusConnection__fullyQualifiedNamespace": "sample.servicebus.windows.net",
}


def drift(infra: Path) -> Sequence[str]:
    """Return a line for each difference between a folder of templates and the code."""
    modules = {path.name: parsed(path) for path in sorted((infra / "modules").glob("*.bicep"))}
    return [
        *_declared(infra),
        *_deployed_as_declared(
            modules["cosmos.bicep"], "containers", {"name": "name", "resource": "resource"}
        ),
        *_deployed_as_declared(
            modules["service-bus.bicep"], "queues", {"name": "name", "properties": "properties"}
        ),
        *_settings(modules["function-app.bicep"]),
        *role_drift(modules),
        *_queries(infra),
    ]


def _declared(infra: Path) -> Iterator[str]:
    written, wanted = json.loads((infra / "declared.json").read_text()), json.loads(declared())
    for kind, entries in wanted.items():
        if written.get(kind) != entries:
            yield f"declared.json has other {kind}: run `python -m ops infrastructure > infra/declared.json`"
    if sum(not container.is_busy for container in CONTAINERS.values()) > MOST_SHARING:
        yield f"more than {MOST_SHARING} containers share request units"


def _deployed_as_declared(module: Mapping[str, Any], kind: str, parts: Mapping[str, str]) -> Iterator[str]:
    """Check that a loop hands on each declared thing as it stands."""
    source = module["variables"]["declared"]["value"]["function"]
    if (source["type"], source["parameters"]["file_path"]) != ("load_json_content", "../declared.json"):
        yield f"{kind} do not come from declared.json"
    loop = module["resources"][kind]["config"]
    item = loop["loop_type"]["detail"]["item_name"]
    if access(loop["loop_type"]["detail"]["array_name"]) != ("declared", kind) or loop["condition"]:
        yield f"not every declared one of {kind} is deployed"
    config = loop["config"]
    found = {"name": config["name"], "properties": config["properties"]}
    if "resource" in parts:
        found["resource"] = config["properties"]["resource"]
    for part, name in parts.items():
        if access(found[part]) != (item, name):
            yield f"the {part} of {kind} is not as declared"


def _settings(module: Mapping[str, Any]) -> Iterator[str]:
    listed = module["resources"]["app"]["config"]["properties"]["siteConfig"]["appSettings"]
    names = {entry["name"] for entry in listed}
    for name in sorted(names - _HOST_SETTINGS - set(variables())):
        yield f"app setting {name}: nobody reads it"
    for name in sorted(_HOST_SETTINGS - names):
        yield f"app setting {name} is missing: the host needs it"
    for name in sorted(set(variables()) - names - LEFT_ALONE.keys()):
        yield f"app setting {name} is missing: set it, or say in LEFT_ALONE why not"
    for name in sorted(names & LEFT_ALONE.keys()):
        yield f"app setting {name} is set, though it is to be left alone: {LEFT_ALONE[name]}"
    try:
        load_settings(
            {name: _SAMPLES.get(name, "https://sample.example/") for name in names & set(variables())}
        )
    except ConfigurationError as error:
        yield f"the app would not start with these app settings: {error}"


def _queries(infra: Path) -> Iterator[str]:
    """Check that alerts and workbooks look for what the app's log says."""
    sources = "\n".join(
        path.read_text() for folder in ("shared", "functions") for path in (ROOT / folder).rglob("*.py")
    )
    for path in [infra / "modules" / "alerts.bicep", *sorted((infra / "workbooks").glob("*.json"))]:
        for message in sorted(set(re.findall(r"\\?'(An? [a-z][^'\\]+)\\?'", path.read_text()))):
            if f'"{message}"' not in sources:
                yield f"{path.name} looks for {message!r}, which the app never logs"
