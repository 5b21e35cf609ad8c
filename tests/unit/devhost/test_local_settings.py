from __future__ import annotations

from pathlib import Path

import pytest

from devhost.errors import StartupError
from devhost.local_settings import load_local_settings

REPOSITORY = Path(__file__).parents[3]


def test_values_become_settings_unless_set_already(tmp_path: Path) -> None:
    """The file's values are taken, but the environment wins."""
    path = tmp_path / "local.settings.json"
    path.write_text('{"IsEncrypted": false, "Values": {"A": "file", "B": "file"}}')
    environ = {"A": "environment"}
    load_local_settings(path, environ)
    assert environ == {"A": "environment", "B": "file"}


def test_no_file_changes_nothing(tmp_path: Path) -> None:
    """The file is optional."""
    environ: dict[str, str] = {}
    load_local_settings(tmp_path / "local.settings.json", environ)
    assert environ == {}


def test_the_example_can_be_used_as_it_is() -> None:
    """The example in the repository chooses the embedded backend."""
    environ: dict[str, str] = {}
    load_local_settings(REPOSITORY / "local.settings.json.example", environ)
    assert environ["INTEGRATIONS_BACKEND"] == "embedded"
    assert environ["FUNCTIONS_WORKER_RUNTIME"] == "python"


@pytest.mark.parametrize("text", ["{", "[]", '{"Values": {"A": 1}}', '{"IsEncrypted": true, "Values": {}}'])
def test_unusable_files_are_named(tmp_path: Path, text: str) -> None:
    """A file that the func CLI would not take, or only it could, is an error."""
    path = tmp_path / "local.settings.json"
    path.write_text(text)
    with pytest.raises(StartupError, match=r"local\.settings\.json"):
        load_local_settings(path, {})
