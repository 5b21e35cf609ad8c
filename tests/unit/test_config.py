"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.config import Settings, load_settings
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


def test_every_setting_is_documented() -> None:
    """docs/settings.md has a row for each variable, and none that does not exist."""
    page = (Path(__file__).parents[2] / "docs/settings.md").read_text()
    documented = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `INTEGRATIONS_")}
    assert documented == {f"INTEGRATIONS_{name.upper()}" for name in Settings.model_fields}
