from __future__ import annotations

from pathlib import Path

import pytest

from devhost.errors import StartupError
from devhost.host_json import read_host_json

REPOSITORY = Path(__file__).parents[3]


def _written(folder: Path, text: str) -> Path:
    path = folder / "host.json"
    path.write_text(text)
    return path


def test_the_apps_own_host_json_is_followed() -> None:
    """The repository's host.json holds the figures that the app was designed for."""
    settings = read_host_json(REPOSITORY / "host.json")
    service_bus = settings.extensions.service_bus
    assert settings.extensions.http.route_prefix == "api"
    assert settings.function_timeout_seconds == 600
    assert (service_bus.max_concurrent_calls, service_bus.max_concurrent_sessions) == (16, 8)
    assert service_bus.max_auto_lock_renewal_seconds == 600


def test_a_minimal_file_has_azures_defaults(tmp_path: Path) -> None:
    """What the file leaves out has the extension's own defaults."""
    settings = read_host_json(_written(tmp_path, '{"version": "2.0"}'))
    assert settings.function_timeout_seconds == 1_800
    assert settings.extensions.service_bus.max_concurrent_calls == 16
    assert settings.extensions.service_bus.max_auto_lock_renewal_seconds == 300


def test_minus_one_means_no_timeout(tmp_path: Path) -> None:
    """A functionTimeout of "-1" sets no limit."""
    path = _written(tmp_path, '{"version": "2.0", "functionTimeout": "-1"}')
    assert read_host_json(path).function_timeout_seconds is None


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    """One error names every wrong value by its place in the file."""
    path = _written(
        tmp_path,
        """{"version": "1.0", "functionTimeout": 5,
        "extensions": {"serviceBus": {"maxConcurrentCalls": 0, "autoCompleteMessages": false}}}""",
    )
    with pytest.raises(StartupError) as caught:
        read_host_json(path)
    for name in ("version", "functionTimeout", "maxConcurrentCalls", "autoCompleteMessages"):
        assert name in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_what_is_no_host_json_is_refused(tmp_path: Path, text: str) -> None:
    """A file that is not a JSON object raises a StartupError that names it."""
    with pytest.raises(StartupError, match=r"host\.json"):
        read_host_json(_written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Without a host.json the host does not start, and says which file it wants."""
    with pytest.raises(StartupError, match=r"host\.json can't be read"):
        read_host_json(tmp_path / "host.json")
