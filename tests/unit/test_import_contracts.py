"""The import contracts: kept by the tree as it is, and able to fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("shared", "functions", "devhost", "ops")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the code that a test may break."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def check(tree: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=120, check=False)


def test_the_tree_keeps_its_contracts(tree: Path) -> None:
    """Imports point downwards, and SDKs and settings stay where they belong."""
    result = check(tree)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("shared/domain/shards.py", "import shared.ports.clock", "Imports point downwards only"),
        ("shared/repositories/shards.py", "import shared.adapters.http", "Imports point downwards only"),
        ("shared/services/health.py", "import functions.archiver", "Imports point downwards only"),
        ("devhost/host.py", "import functions.archiver", "Imports point downwards only"),
        (
            "shared/services/health.py",
            "import shared.backends.system_clock",
            "Services reach backends and adapters only through ports",
        ),
        (
            "functions/archiver.py",
            "import shared.config",
            "Only bootstrap and backends see the configuration",
        ),
        ("shared/services/health.py", "import azure.functions", "Azure SDKs stay at the edge"),
        ("shared/backends/embedded/file_archive.py", "import azure.core", "Azure SDKs stay at the edge"),
        ("shared/repositories/shards.py", "import azure.cosmos", "Azure SDKs stay at the edge"),
        ("shared/backends/query_rules.py", "import azure.cosmos", "Azure SDKs stay at the edge"),
    ],
)
def test_a_contract_fails_when_it_is_broken(tree: Path, file: str, line: str, contract: str) -> None:
    """One import in the wrong direction is enough, and the report names the contract."""
    broken = tree / file
    broken.write_text(f"{broken.read_text()}\n\n{line}\n")
    result = check(tree)
    assert result.returncode == 1
    assert f"{contract} BROKEN" in result.stdout
