"""What an integration's settings make of a document."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from shared.adapters.rest.connection import Connection, check_settings
from shared.adapters.rest.definition import RestDefinition
from shared.domain.errors import ConfigurationError
from shared.domain.provider import ProviderDocument
from tests.fakes.provider_server import DOCUMENT, things_document


def list_url(document: ProviderDocument, settings: dict[str, str], **parameters: str) -> URL:
    definition = RestDefinition.parse(document)
    connection = Connection.of(document, definition, settings)
    return connection.url_of(definition.entities["thing"].listing, parameters)


def with_base(template: str, settings: dict[str, Any]) -> ProviderDocument:
    rest = {"baseUrl": template, "entities": {"thing": {"list": {"path": "/things"}, "id": "id"}}}
    return ProviderDocument.model_validate({**DOCUMENT, "settings": settings, "rest": rest})


def test_values_stand_where_the_document_says() -> None:
    """Base, path, the document's own query and the parameters of the request, in this order."""
    url = list_url(
        things_document(), {"serverUrl": "https://a.example/", "shelf": "s1"}, limit="5", since='"7"'
    )
    assert str(url) == "https://a.example/api/shelves/s1/things?sort=changed&limit=5&since=%227%22"


@given(st.text(min_size=1, max_size=20).filter(lambda text: text.strip() == text and text.isprintable()))
def test_no_setting_changes_the_shape_of_a_path(shelf: str) -> None:
    """Whatever a setting holds, it stays one segment of the path; the two that can't are refused."""
    try:
        url = list_url(things_document(), {"serverUrl": "https://a.example", "shelf": shelf})
    except ConfigurationError:
        assert shelf in {".", ".."}
    else:
        assert url.parts == ("/", "api", "shelves", shelf, "things")
        assert (url.host, url.query_string) == ("a.example", "sort=changed")


def test_setting_left_out_takes_its_default() -> None:
    """A default stands in for what the integration does not say."""
    document = with_base("https://{region}.example.com", {"region": {"required": False, "default": "eu"}})
    assert str(list_url(document, {})) == "https://eu.example.com/things"
    assert str(list_url(document, {"region": "us"})) == "https://us.example.com/things"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "settings.serverUrl: is missing; give it a value; settings.shelf: is missing; give it a value"),
        ({"serverUrl": "https://a.example", "shelf": " "}, "settings.shelf: is missing; give it a value"),
        (
            {"serverUrl": "a.example", "shelf": "a"},
            "settings.serverUrl: must begin with https:// or http:// and a host",
        ),
        (
            {"serverUrl": "file:///etc/passwd", "shelf": "a"},
            "settings.serverUrl: must begin with https:// or http:// and a host",
        ),
        (
            {"serverUrl": "https://a.example", "shelf": "a\r\nX-Evil: 1"},
            "settings.shelf: has a control character; remove it",
        ),
        (
            {"serverUrl": "https://a.example", "shelf": "a", "colour": "b"},
            "settings.colour: is unknown; the provider has: serverUrl, shelf",
        ),
        (
            {"colour": "b", "shelf": "a"},
            (
                "settings.colour: is unknown; the provider has: serverUrl, shelf;"
                " settings.serverUrl: is missing; give it a value"
            ),
        ),
    ],
)
def test_settings_that_do_not_fit_are_all_named(settings: dict[str, str], message: str) -> None:
    """One error lists every setting to mend."""
    with pytest.raises(ConfigurationError) as caught:
        check_settings(things_document(), settings)
    assert str(caught.value) == f"The settings don't fit provider things: {message}"


@pytest.mark.parametrize(
    "server",
    ["https://ada:pw@a.example", "https://a.example/?x=1", "https://a.example/#x", "https://a.example:99999",
     "https://a.example/../b", "https://[::1"],
)  # fmt: skip
def test_url_that_is_more_than_a_base_is_refused(server: str) -> None:
    """Credentials, queries and detours have no place in a base URL."""
    with pytest.raises(ConfigurationError):
        check_settings(things_document(), {"serverUrl": server, "shelf": "a"})


@pytest.mark.parametrize(
    "region", ["evil.com/", "evil.com#", "evil.com?", "a@evil.com", "evil.com:80\\", "e vil"]
)
def test_text_in_the_host_cannot_lead_elsewhere(region: str) -> None:
    """A text setting inside the host stays inside it."""
    document = with_base("https://{region}.example.com", {"region": {}})
    with pytest.raises(ConfigurationError, match="stands in the base URL"):
        check_settings(document, {"region": region})


def test_settings_that_fit_are_accepted() -> None:
    """Nothing is raised for what can be used."""
    check_settings(things_document(), {"serverUrl": "http://a.example:8080/base/", "shelf": "ä/b"})


def test_setting_that_the_document_has_dropped_does_not_stop_a_sync() -> None:
    """A new version of a document may need less; integrations made before it go on."""
    settings = {"serverUrl": "https://a.example", "shelf": "a", "old": "b"}
    assert list_url(things_document(), settings).host == "a.example"
