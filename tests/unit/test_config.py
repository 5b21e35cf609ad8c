"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.config import load_settings, variables
from shared.domain.errors import ConfigurationError


def test_nothing_needs_to_be_set_on_a_laptop() -> None:
    """The embedded backend works as it is."""
    settings = load_settings({})
    assert (settings.backend, settings.environment, settings.data_dir) == (
        "embedded",
        "development",
        Path(".data"),
    )


@pytest.mark.parametrize(
    ("environment", "records", "concurrent", "seconds"),
    [("development", 100, 1, 300), ("staging", 500, 2, 600), ("production", 1000, 3, 600)],
)
def test_the_environment_chooses_the_guides_limits(
    environment: str, records: int, concurrent: int, seconds: float
) -> None:
    """Guide, "Environment-Specific Configurations"."""
    limits = load_settings({"INTEGRATIONS_ENVIRONMENT": environment}).sync_limits
    found = (limits.max_records_per_sync, limits.max_concurrent_syncs, limits.sync_timeout_seconds)
    assert found == (records, concurrent, seconds)


def test_every_problem_is_listed_at_once() -> None:
    """One error names each variable that is wrong, the misspelt one too."""
    wrong = {
        "INTEGRATIONS_BACKEND": "cloud",
        "INTEGRATIONS_LOG_LEVEL": "loud",
        "INTEGRATIONS_DATADIR": "x",
        "PATH": "/bin",
    }
    with pytest.raises(ConfigurationError) as caught:
        load_settings(wrong)
    text = str(caught.value)
    assert all(name in text for name in wrong if name != "PATH")
    assert "PATH" not in text


def test_signing_keys_are_not_fetched_over_plain_http() -> None:
    """Except from this very machine."""
    with pytest.raises(ConfigurationError, match="https"):
        load_settings({"INTEGRATIONS_JWKS_URL": "http://issuer.example/keys"})
    with pytest.raises(ConfigurationError, match="https"):
        load_settings({"INTEGRATIONS_JWKS_URL": "http://localhost.evil.example/keys"})
    load_settings({"INTEGRATIONS_JWKS_URL": "http://127.0.0.1:8080/keys"})


def test_an_empty_variable_is_an_unset_one() -> None:
    """Deployment tools like to set empty strings."""
    assert load_settings({"INTEGRATIONS_JWKS_URL": ""}).jwks_url is None


AZURE = {
    "INTEGRATIONS_BACKEND": "azure",
    "INTEGRATIONS_COSMOS_ENDPOINT": "https://account.documents.azure.com",
    "ServiceBusConnection__fullyQualifiedNamespace": "space.servicebus.windows.net",
    "INTEGRATIONS_KEY_VAULT_URL": "https://vault.vault.azure.net",
    "INTEGRATIONS_BLOB_ACCOUNT_URL": "https://store.blob.core.windows.net",
    "INTEGRATIONS_JWKS_URL": "https://issuer.example/keys",
}


@pytest.mark.parametrize(
    ("variable", "value"),
    [("INTEGRATIONS_AUDIT_CONTAINER", "audit"), ("INTEGRATIONS_ARCHIVER_CLIENT_ID", "0000-0001")],
)
def test_the_archivers_settings_are_azures(variable: str, value: str) -> None:
    """Both may be left out there; the embedded backend has no use for them and says so."""
    field = variable.removeprefix("INTEGRATIONS_").lower()
    assert getattr(load_settings(AZURE | {variable: value}), field) == value
    assert getattr(load_settings(AZURE), field) is None
    with pytest.raises(ConfigurationError, match=f"{variable}: is for INTEGRATIONS_BACKEND=azure"):
        load_settings({variable: value})


def test_azure_needs_addresses_and_no_secrets() -> None:
    """With this app's identity there is nothing to leak."""
    settings = load_settings(AZURE)
    assert settings.backend == "azure"
    assert settings.service_bus_namespace == "space.servicebus.windows.net"
    assert settings.cosmos_key is settings.service_bus_connection is settings.blob_connection is None


def test_everything_that_azure_lacks_is_named_at_once() -> None:
    """Whoever deploys corrects it in one go."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"INTEGRATIONS_BACKEND": "azure"})
    queue = "ServiceBusConnection and ServiceBusConnection__fullyQualifiedNamespace"
    assert str(caught.value).splitlines()[1:] == [
        "  INTEGRATIONS_COSMOS_ENDPOINT: is missing; the azure backend needs it",
        "  INTEGRATIONS_KEY_VAULT_URL: is missing; the azure backend needs it",
        "  INTEGRATIONS_JWKS_URL: is missing; the azure backend needs it",
        f"  {queue}: are missing: set one of them",
        "  INTEGRATIONS_BLOB_CONNECTION and INTEGRATIONS_BLOB_ACCOUNT_URL: are missing: set one of them",
    ]


def test_two_ways_to_one_service_contradict_each_other() -> None:
    """Nobody could say which one is meant."""
    both = {**AZURE, "ServiceBusConnection": "Endpoint=sb://x;SharedAccessKeyName=n;SharedAccessKey=hush"}
    with pytest.raises(ConfigurationError, match="contradict each other") as caught:
        load_settings(both)
    assert "hush" not in str(caught.value)


def test_what_only_azure_uses_is_refused_without_it() -> None:
    """Who sets it believes that records go there."""
    with pytest.raises(
        ConfigurationError, match="INTEGRATIONS_KEY_VAULT_URL: is for INTEGRATIONS_BACKEND=azure"
    ):
        load_settings({"INTEGRATIONS_KEY_VAULT_URL": "https://vault.vault.azure.net"})


@pytest.mark.parametrize("address", ["http://somewhere.example", "http://127.0.0.1:8081", "https://[abc"])
@pytest.mark.parametrize("name", ["COSMOS_ENDPOINT", "KEY_VAULT_URL", "BLOB_ACCOUNT_URL"])
def test_nothing_is_reached_by_an_identity_without_tls(name: str, address: str) -> None:
    """Not even on this machine: Azure's SDKs would refuse to send a token. What is no URL is told too."""
    variable = f"INTEGRATIONS_{name}"
    with pytest.raises(ConfigurationError, match=f"{variable}: must be an https:// address"):
        load_settings({**AZURE, variable: address})


def test_a_key_may_go_to_this_machine_without_tls() -> None:
    """Emulators have no certificate; anything beyond this machine needs one."""
    keyed = {**AZURE, "INTEGRATIONS_COSMOS_KEY": "a key"}
    load_settings({**keyed, "INTEGRATIONS_COSMOS_ENDPOINT": "http://127.0.0.1:8081"})
    with pytest.raises(ConfigurationError, match="must be an https:// address"):
        load_settings({**keyed, "INTEGRATIONS_COSMOS_ENDPOINT": "http://somewhere.example"})


KEYED = "SharedAccessKeyName=n;SharedAccessKey=hush;UseDevelopmentEmulator=true"
ACCOUNT = "AccountName=a;AccountKey=hush"
UNSAFE = [
    ("ServiceBusConnection", f"Endpoint=sb://emulator.example;{KEYED}"),
    ("ServiceBusConnection", f"{KEYED};endpoint = sb://127.0.0.1.example:5672/"),
    ("INTEGRATIONS_BLOB_CONNECTION", f"DefaultEndpointsProtocol=http;{ACCOUNT}"),
    (
        "INTEGRATIONS_BLOB_CONNECTION",
        f"DefaultEndpointsProtocol=https;{ACCOUNT};BlobEndpoint=http://a.example/a",
    ),
    ("INTEGRATIONS_BLOB_CONNECTION", f"{ACCOUNT};BlobEndpoint=https://a;BlobSecondaryEndpoint=http://b"),
    (
        "INTEGRATIONS_BLOB_CONNECTION",
        "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://a.example",
    ),
]
SAFE = [
    ("ServiceBusConnection", f"Endpoint=sb://localhost:5672;{KEYED}"),
    (
        "ServiceBusConnection",
        "Endpoint=sb://x.servicebus.windows.net;SharedAccessKeyName=n;SharedAccessKey=k",
    ),
    ("INTEGRATIONS_BLOB_CONNECTION", "UseDevelopmentStorage=true"),
    ("INTEGRATIONS_BLOB_CONNECTION", f"DefaultEndpointsProtocol=https;{ACCOUNT}"),
    (
        "INTEGRATIONS_BLOB_CONNECTION",
        f"DefaultEndpointsProtocol=http;{ACCOUNT};BlobEndpoint=http://127.0.0.1:1/a",
    ),
]


def by_connection(variable: str, connection: str) -> dict[str, str]:
    """Azure's settings with a connection string in the place of the identity."""
    queue = variable == "ServiceBusConnection"
    replaced = "ServiceBusConnection__fullyQualifiedNamespace" if queue else "INTEGRATIONS_BLOB_ACCOUNT_URL"
    return {name: value for name, value in AZURE.items() if name != replaced} | {variable: connection}


@pytest.mark.parametrize(("variable", "connection"), UNSAFE)
def test_a_connection_string_may_not_leave_this_machine_without_tls(variable: str, connection: str) -> None:
    """Emulators' strings switch TLS off; the message repeats nothing of them."""
    with pytest.raises(ConfigurationError, match=f"{variable}: .*this very machine") as caught:
        load_settings(by_connection(variable, connection))
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(("variable", "connection"), SAFE)
def test_emulators_on_this_machine_and_services_by_tls_are_taken(variable: str, connection: str) -> None:
    """The same strings with the loopback, or with https, are right."""
    load_settings(by_connection(variable, connection))


def test_internal_addresses_are_for_laptops() -> None:
    """In Azure a provider could otherwise be the platform's own metadata service; who wants it says so."""
    assert load_settings({}).providers_may_be_private
    assert not load_settings(AZURE).providers_may_be_private
    assert load_settings({**AZURE, "INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES": "true"}).providers_may_be_private


def test_keys_are_not_shown() -> None:
    """Neither by the settings nor by what refuses them."""
    secrets = {"INTEGRATIONS_COSMOS_KEY": "hush", "INTEGRATIONS_LOG_LEVEL": "info"}
    assert "hush" not in repr(load_settings({**AZURE, **secrets}))
    with pytest.raises(ConfigurationError) as caught:
        load_settings({**secrets, "INTEGRATIONS_ENVIRONMENT": "moon"})
    assert "hush" not in str(caught.value)


def test_every_setting_is_documented() -> None:
    """docs/settings.md has a row for each variable, and none that does not exist."""
    page = (Path(__file__).parents[2] / "docs/settings.md").read_text()
    tables = page.split("## Of an integration")[0]
    documented = {line.split("`")[1] for line in tables.splitlines() if line.startswith("| `")}
    assert documented == set(variables())
