"""The smallest provider that people or the app sign in to, and an integration of it."""

from __future__ import annotations

from typing import Any

from shared.domain.integration import Integration
from shared.domain.provider import Provider
from tests.fakes.clock import START
from tests.fakes.provider_server import DOCUMENT
from tests.unit.adapters.rest.reading import rest_of

STAMPS = {"createdAt": START, "updatedAt": START}


def documents_of(url: str, auth: dict[str, Any]) -> tuple[Provider, Integration]:
    """Return both; `{serverUrl}` in the document is the URL, `{shelf}` is s1."""
    rest = {**rest_of({}), "baseUrl": "https://api.example.com", "auth": auth}
    integration = {
        **STAMPS,
        "id": "i1",
        "tenantId": "acme",
        "name": "Things",
        "providerId": "things",
        "providerCategory": "test",
        "settings": {"serverUrl": url, "shelf": "s1"},
    }
    provider = Provider.model_validate({**DOCUMENT, **STAMPS, "rest": rest})
    return provider, Integration.model_validate(integration)
