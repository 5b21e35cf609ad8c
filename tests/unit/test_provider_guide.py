"""The provider authoring guide: everything in it can be pasted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from shared.adapters.rest.definition import KNOWN_KEYS, RestDefinition, check
from shared.adapters.rest.entity import EntityDefinition
from shared.adapters.rest.errors import Action
from shared.domain.provider import ProviderDocument

GUIDE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text()
BLOCKS: list[str] = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
ENTITY: dict[str, Any] = {
    "list": {"path": "/"},
    "id": "id",
    "increment": {"field": "at", "type": "dateTime", "clientSideFilter": True},
}
REST: dict[str, Any] = {"baseUrl": "https://api.example.com", "entities": {"thing": ENTITY}}
DOCUMENT: dict[str, Any] = {"id": "a", "category": "b", "displayName": "c", "rest": REST}


def keys_of(model: type[EntityDefinition | RestDefinition]) -> set[str]:
    return {info.alias or name for name, info in model.model_fields.items()}


def completed(block: dict[str, Any]) -> dict[str, Any]:
    """Put a part where the guide says it goes, in the smallest document there is."""
    if set(block) <= keys_of(RestDefinition):
        return {**DOCUMENT, "rest": {**REST, **block}}
    if set(block) <= keys_of(EntityDefinition):
        return {**DOCUMENT, "rest": {**REST, "entities": {"thing": ENTITY, "part": block}}}
    return {**DOCUMENT, **block, "rest": {**REST, **block["rest"]}}


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_is_valid(block: str) -> None:
    """Whoever copies an example gets a document without problems."""
    document = ProviderDocument.model_validate(completed(yaml.safe_load(block)))
    assert check(document) == []


def test_every_key_has_an_example() -> None:
    """A key that the code reads and the guide does not show would be known to nobody."""
    assert len(BLOCKS) > 15
    shown = set(re.findall(r"(\w+):", "".join(BLOCKS)))
    document_keys = {info.alias or name for name, info in ProviderDocument.model_fields.items()}
    assert sorted({*KNOWN_KEYS, *document_keys} - shown - {"adapter"}) == []


def test_every_action_is_explained() -> None:
    """Each action of an error rule has its row."""
    actions = re.findall(r"\| `(\w+)` \|", GUIDE.partition("| `action` |")[2])
    assert actions == list(get_args(Action))
