"""The templates deploy what the code declares and needs, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.infra.drift import ROOT, drift

INFRA = ROOT / "infra"

CHANGES = {
    "a container's partition key": ("declared.json", '"/shardTypeId"', '"/tenantId"', "other containers"),
    "a container's life time": (
        "declared.json",
        '"defaultTtl": 2592000',
        '"defaultTtl": 60',
        "other containers",
    ),
    "an index": ("declared.json", '"/nextSyncAt/?"', '"/nextSyncAtAll/?"', "other containers"),
    "a composite index": (
        "declared.json",
        '"order": "ascending"',
        '"order": "descending"',
        "other containers",
    ),
    "a queue's lock": ("declared.json", '"PT5M"', '"PT4M"', "other queues"),
    "who may write where": ("declared.json", '    "providers",\n', "", "other writableContainers"),
    "a container's options instead of its declaration": (
        "modules/cosmos.bicep",
        "resource: container.resource",
        "resource: { id: container.name }",
        "the resource of containers is not as declared",
    ),
    "queues from elsewhere": (
        "modules/service-bus.bicep",
        "properties: queue.properties",
        "properties: {}",
        "the properties of queues is not as declared",
    ),
    "an app setting that nobody reads": (
        "modules/function-app.bicep",
        "INTEGRATIONS_JWKS_URL",
        "INTEGRATIONS_KEYS_URL",
        "INTEGRATIONS_KEYS_URL: nobody reads it",
    ),
    "an app setting without which the app does not start": (
        "modules/function-app.bicep",
        "{ name: 'INTEGRATIONS_COSMOS_ENDPOINT', value: cosmosEndpoint }",
        "",
        "the app would not start",
    ),
    "a key instead of an identity": (
        "modules/function-app.bicep",
        "ServiceBusConnection__fullyQualifiedNamespace",
        "ServiceBusConnection",
        "to be left alone: identities only",
    ),
    "a wider scope": (
        "modules/cosmos.bicep",
        "/colls/${container}'",
        "'",
        "which nobody needs",
    ),
    "another role": (
        "modules/key-vault.bicep",
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        "00482a5a-887f-4fb3-b363-3b7fe8e74483",
        "key-vault.bicep lacks",
    ),
    "a role for somebody else": (
        "modules/cosmos.bicep",
        "principalId: archiverPrincipalId",
        "principalId: appPrincipalId",
        "which nobody needs",
    ),
    "an audit log that can be changed": (
        "modules/cosmos.bicep",
        "'${itemActions}/create'",
        "'${itemActions}/create'\n          '${itemActions}/replace'",
        "the role auditWriter allows",
    ),
    "an alert for what is never logged": (
        "modules/alerts.bicep",
        "A sync run has failed",
        "A sync run went wrong",
        "which the app never logs",
    ),
}
"""What is changed, where, from what to what, and what the check says."""


def test_templates_and_code_agree() -> None:
    """Containers, indexes, queues, settings, roles and the alerts' queries."""
    assert drift(INFRA) == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_one_side_is_found(change: str, tmp_path: Path) -> None:
    """Each kind of difference is told, or the check above would prove nothing."""
    name, old, new, told = CHANGES[change]
    infra = shutil.copytree(INFRA, tmp_path / "infra")
    text = (infra / name).read_text()
    assert old in text
    (infra / name).write_text(text.replace(old, new))
    assert [line for line in drift(infra) if told in line]


def test_no_template_reads_a_key() -> None:
    """No secret comes from a template, so none can be in an output or in a deployment's history."""
    for path in INFRA.rglob("*.bicep"):
        text = path.read_text()
        assert not [
            word for word in ("listKeys", "listCredentials", "listSecrets", "@secure") if word in text
        ]
