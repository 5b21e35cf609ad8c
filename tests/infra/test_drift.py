"""The templates deploy what the code declares and needs, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.infra.code import ROOT, code
from tests.infra.code_changes import CODE_CHANGES
from tests.infra.drift import drift
from tests.infra.template_changes import TEMPLATE_CHANGES

INFRA = ROOT / "infra"


def test_templates_and_code_agree() -> None:
    """Containers, indexes, queues, settings, roles, wiring, what keeps services safe, and alerts."""
    assert drift(INFRA, code()) == []


@pytest.mark.parametrize("change", TEMPLATE_CHANGES)
def test_a_change_of_the_templates_is_found(change: str, tmp_path: Path) -> None:
    """Each kind of difference is told, or the check above would prove nothing."""
    name, old, new, told = TEMPLATE_CHANGES[change]
    infra = shutil.copytree(INFRA, tmp_path / "infra")
    text = (infra / name).read_text()
    assert old in text
    (infra / name).write_text(text.replace(old, new, 1))
    assert [line for line in drift(infra, code()) if told in line]


@pytest.mark.parametrize("change", CODE_CHANGES)
def test_a_change_of_the_code_is_found(change: str) -> None:
    """The other side of each difference: templates that were not changed along."""
    apply, told = CODE_CHANGES[change]
    assert [line for line in drift(INFRA, apply(code())) if told in line]


def test_no_template_reads_a_key() -> None:
    """No secret comes from a template, so none can be in an output or in a deployment's history."""
    for path in INFRA.rglob("*.bicep"):
        text = path.read_text()
        assert not [
            word for word in ("listKeys", "listCredentials", "listSecrets", "@secure") if word in text
        ]
