from __future__ import annotations

import stat
from pathlib import Path

import pytest

from devhost.errors import StartupError
from devhost.keys import load_keys


def test_keys_are_made_once_and_kept_private(tmp_path: Path) -> None:
    """The first start makes two different keys in a file for its owner only; later starts read them."""
    path = tmp_path / "data" / "keys.json"
    keys = load_keys(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.function != keys.admin
    assert load_keys(path) == keys
    assert [entry.name for entry in path.parent.iterdir()] == ["keys.json"]


def test_no_repr_shows_a_key(tmp_path: Path) -> None:
    """Keys don't get into logs by way of their repr."""
    keys = load_keys(tmp_path / "keys.json")
    assert keys.function not in repr(keys)
    assert keys.admin not in repr(keys)


def test_each_level_takes_its_keys(tmp_path: Path) -> None:
    """The function key opens function level, the admin key everything, no key only anonymous level."""
    keys = load_keys(tmp_path / "keys.json")
    opened = {
        (level, name): keys.allow(level, key)
        for level in ("ANONYMOUS", "FUNCTION", "ADMIN")
        for name, key in (("none", None), ("wrong", "schlüssel"), ("fn", keys.function), ("adm", keys.admin))
    }
    assert {pair for pair, may in opened.items() if not may} == {
        ("FUNCTION", "none"),
        ("FUNCTION", "wrong"),
        ("ADMIN", "none"),
        ("ADMIN", "wrong"),
        ("ADMIN", "fn"),
    }


@pytest.mark.parametrize("text", ["", "[]", '{"function": "x"}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    """A file without both keys stops the start; it is not replaced silently."""
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(StartupError, match="delete it"):
        load_keys(path)
    assert path.read_text() == text


def test_an_unusable_folder_is_named(tmp_path: Path) -> None:
    """A place where no file can be made stops the start."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="can't be used"):
        load_keys(tmp_path / "file" / "keys.json")
