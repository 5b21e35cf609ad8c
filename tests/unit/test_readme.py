"""The README's promises that a machine can check."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from shared.adapters.registry import AdapterRegistry
from shared.domain.provider import ProviderDocument
from tests.fakes.clock import FakeClock

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_provider_document_in_the_readme_is_valid() -> None:
    """Whoever copies it gets a provider."""
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    document = ProviderDocument.model_validate(yaml.safe_load(text))
    assert list(AdapterRegistry(FakeClock()).check(document)) == []


def test_every_link_in_the_documents_leads_somewhere() -> None:
    """Relative links point at files that are there."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text())]
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    """They are what a stranger types first."""
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test", "check", "bench"} <= targets
