"""What the policy scanner passes over in silence: templates that it can't parse, and skipped checks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from lark.exceptions import LarkError

from tests.infra.code import ROOT
from tests.infra.syntax import parsed

MOST_SKIPS = 10
_SKIP = re.compile(r"checkov:skip=(.*)")
_WITH_REASON = re.compile(r"CKV2?_\w+: ?\S.{20,}")


def unparsed(folder: Path) -> Sequence[str]:
    """Return the names of templates that can't be parsed."""
    return [path.name for path in sorted(folder.rglob("*.bicep")) if not is_parsed(path)]


def is_parsed(path: Path) -> bool:
    try:
        return bool(parsed(path)["globals"])
    except LarkError:
        return False


def skips(folder: Path) -> Mapping[str, Sequence[str]]:
    """Return the checks that templates ask to skip, by file."""
    return {path.name: _SKIP.findall(path.read_text()) for path in sorted(folder.rglob("*.bicep"))}


def test_every_template_is_parsed() -> None:
    """The scanner warns of one that it can't parse, and succeeds without having looked at it."""
    assert unparsed(ROOT / "infra") == []


@pytest.mark.parametrize("text", ["resource {", "resource b 'C/d@2024-01-01' = {\n  name: 'e'\n", "var a ="])
def test_a_broken_template_is_found(tmp_path: Path, text: str) -> None:
    """One bracket too few is enough."""
    (tmp_path / "broken.bicep").write_text(text)
    assert unparsed(tmp_path) == ["broken.bicep"]


def test_few_checks_are_skipped_and_each_for_a_reason() -> None:
    """At most ten in all."""
    found = [skip for of_file in skips(ROOT / "infra").values() for skip in of_file]
    assert len(found) <= MOST_SKIPS
    assert [skip for skip in found if not _WITH_REASON.fullmatch(skip)] == []


@pytest.mark.parametrize("skip", ["CKV_AZURE_1", "CKV_AZURE_1:", "CKV_AZURE_1: later"])
def test_a_skip_without_a_reason_is_found(tmp_path: Path, skip: str) -> None:
    """A word is none."""
    (tmp_path / "one.bicep").write_text(f"// checkov:skip={skip}\n")
    (told,) = skips(tmp_path)["one.bicep"]
    assert not _WITH_REASON.fullmatch(told)


def test_parameters_name_what_main_takes() -> None:
    """The parser knows no parameters files, so each is compared with main.bicep by its lines."""
    main = parsed(ROOT / "infra" / "main.bicep")["parameters"]
    needed = {name for name, about in main.items() if about["default"] is None} - {"tags"}
    for path in sorted((ROOT / "infra").rglob("*.bicepparam")):
        named = set(re.findall(r"^param (\w+) = .+$", path.read_text(), re.MULTILINE))
        assert (needed - named, named - main.keys()) == (set(), set()), path.name
