"""The providers that come with the app."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.adapters.catalog.catalog import load_catalog, shipped_providers
from shared.adapters.rest.definition import check
from shared.domain.errors import ConfigurationError

GOOD = """
id: things
category: test
displayName: Things
rest: {baseUrl: "https://a.example", entities: {thing: {list: {path: /things}, id: id}}}
"""


def test_shipped_providers_are_valid_and_distinct() -> None:
    """Every document in the package can be used, and no two have one id."""
    providers = shipped_providers()
    assert "kinto" in {provider.id for provider in providers}
    assert len({provider.id for provider in providers}) == len(providers)
    assert all(check(provider) == [] for provider in providers)


def test_shipped_providers_are_read_once() -> None:
    """The catalogue is the same object at every call."""
    assert shipped_providers() is shipped_providers()


def test_catalog_is_ordered_by_file(tmp_path: Path) -> None:
    """The order does not depend on the file system."""
    for name in ("b", "a", "c"):
        (tmp_path / f"{name}.yaml").write_text(GOOD.replace("things\n", f"{name}\n", 1))
    assert [provider.id for provider in load_catalog(tmp_path)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id: [", "bad.yaml is not YAML: while parsing"),
        ("", "bad.yaml has problems: (body): must be a mapping of keys to values"),
        (GOOD + "colour: red", "bad.yaml has problems: colour: is not a key here; remove it"),
        (
            GOOD.replace("id: id", "ident: id"),
            "bad.yaml has problems: rest.entities.thing.id: is missing; add it; ",
        ),
    ],
)
def test_invalid_document_is_named_by_its_file(tmp_path: Path, content: str, message: str) -> None:
    """A broken document in the package is a configuration error that says where."""
    (tmp_path / "bad.yaml").write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        load_catalog(tmp_path)
    assert message in str(caught.value)
