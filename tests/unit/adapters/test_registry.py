"""The port that services see, over documents good and bad."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from shared.adapters.registry import AdapterRegistry
from shared.domain.errors import ConfigurationError, Problem
from shared.domain.integration import Integration
from shared.domain.provider import Provider, ProviderDocument
from shared.domain.sweeps import Sweep
from shared.ports.adapter import AdapterSource
from tests.fakes.clock import START, FakeClock
from tests.fakes.provider_server import DOCUMENT, things_document
from tests.unit.adapters.rest.changed_documents import changed, in_entity_parts

BROKEN = ProviderDocument.model_validate({**DOCUMENT, "rest": {"baseUrl": "https://a.example"}})


@pytest.fixture
def registry() -> AdapterSource:
    return AdapterRegistry(FakeClock())


def test_problems_of_a_document_are_listed(registry: AdapterSource) -> None:
    """A good document has none; a bad one has each with its path."""
    assert registry.check(things_document()) == []
    assert registry.check(BROKEN) == [Problem("rest.entities", "is missing; add it")]


def test_entities_are_those_of_the_document(registry: AdapterSource) -> None:
    """What can be mapped is what the document describes."""
    assert registry.entities(things_document()) == ("thing",)
    with pytest.raises(ConfigurationError, match=r"rest\.entities: is missing"):
        registry.entities(BROKEN)


@pytest.mark.parametrize(
    ("deletions", "pagination", "expected"),
    [
        (None, {"kind": "none"}, Sweep.NEVER),
        ({"sweep": False}, {"kind": "none"}, Sweep.NEVER),
        ({"sweep": True}, {"kind": "none"}, Sweep.ONCE),
        ({"sweep": True}, {"kind": "nextUrl", "header": "Link"}, Sweep.ONCE),
        ({"sweep": True}, {"kind": "cursor", "header": "X-Next", "parameter": "after"}, Sweep.ONCE),
        ({"sweep": True}, {"kind": "pageNumber", "parameter": "p"}, Sweep.TWICE),
        ({"sweep": True}, {"kind": "offset", "parameter": "skip"}, Sweep.TWICE),
    ],
)
def test_shifting_pages_are_swept_by_two_readings(
    registry: AdapterSource, deletions: dict[str, Any] | None, pagination: dict[str, Any], expected: Sweep
) -> None:
    """Where counted pages can hide a record, one reading is not enough; nothing is swept unasked."""
    document = in_entity_parts(deletions=deletions, pagination=pagination)
    assert registry.sweep(document, "thing") is expected
    assert registry.sweep(document, "stranger") is Sweep.NEVER


@pytest.mark.parametrize("shifting", ["post", "thread"])
def test_shifting_pages_of_an_ancestor_count_too(registry: AdapterSource, shifting: str) -> None:
    """A parent that a reading misses hides its children from it."""
    entities: dict[str, Any] = {
        "thread": {"list": {"path": "/threads"}, "id": "id"},
        "post": {"list": {"path": "/{parent.id}/posts"}, "id": "id", "parent": {"entity": "thread"}},
        "thing": {
            "list": {"path": "/{parent.id}/things"},
            "id": "id",
            "parent": {"entity": "post"},
            "deletions": {"sweep": True},
        },
    }
    assert registry.sweep(changed("rest/entities", entities), "thing") is Sweep.ONCE
    entities[shifting]["pagination"] = {"kind": "offset", "parameter": "skip"}
    assert registry.sweep(changed("rest/entities", entities), "thing") is Sweep.TWICE


def test_settings_are_checked_against_the_document(registry: AdapterSource) -> None:
    """Settings that fit pass, others are named."""
    registry.check_settings(things_document(), {"serverUrl": "https://a.example", "shelf": "a"})
    with pytest.raises(ConfigurationError, match=r"settings\.shelf: is missing"):
        registry.check_settings(things_document(), {"serverUrl": "https://a.example"})


def test_adapter_is_refused_without_its_settings(registry: AdapterSource) -> None:
    """Opening tells what is missing before anything goes over the network."""
    stamps = {"createdAt": START, "updatedAt": START}
    provider = Provider.model_validate({**DOCUMENT, **stamps})
    integration = Integration.model_validate(
        {
            **stamps,
            "id": "i1",
            "tenantId": "t",
            "name": "n",
            "providerId": "things",
            "providerCategory": "test",
        }
    )
    with pytest.raises(ConfigurationError, match=r"settings\.serverUrl: is missing"):
        registry.open(provider, integration)


def test_import_does_not_load_the_http_library() -> None:
    """A cold start that syncs nothing does not pay for aiohttp."""
    script = (
        "import sys, shared.adapters.registry, shared.adapters.catalog.catalog;"
        "sys.exit('aiohttp' in sys.modules or 'yarl' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
