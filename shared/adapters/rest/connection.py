"""What an integration's settings make of a provider's document: where to go, and the values to fill in."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import quote, urlencode

from yarl import URL

from shared.adapters.addresses import PLAIN_HTTP
from shared.adapters.rest.definition import RestDefinition
from shared.adapters.rest.requests import Request
from shared.adapters.rest.templates import fill
from shared.domain.errors import ConfigurationError, Problem
from shared.domain.provider import ProviderDocument, SettingDeclaration
from shared.domain.validation import as_text

BASE_URL = "rest.baseUrl"
TOKEN_URL = "rest.auth.tokenUrl"  # noqa: S105 - a place in the document
AUTHORIZATION_URL = "rest.auth.authorizationUrl"
REVOCATION_URL = "rest.auth.revocationUrl"

_HOST_PART = re.compile(r"[A-Za-z0-9._-]+")
_URL_BEGINNING = re.compile(r"https?://[^/?#]")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Connection:
    """An integration's way to its provider.

    Attributes:
        base_url: Where the paths of the document begin.
        values: A value for every placeholder.
        urls: The document's URLs by their paths in it, as `rest.auth.tokenUrl`.
    """

    base_url: URL
    values: Mapping[str, str]
    urls: Mapping[str, URL]

    @classmethod
    def of(cls, document: ProviderDocument, definition: RestDefinition, settings: Mapping[str, str]) -> Self:
        """Bring document and settings together. Settings that the document does not declare are left out.

        Raises:
            ConfigurationError: A setting is missing or unusable; the message lists them all.
        """
        values = _values(document, settings)
        _refuse(document, _setting_problems(document, definition, values))
        urls = {field: _url(document, field, text, values) for field, text in definition.urls().items()}
        return cls(urls[BASE_URL], values, urls)

    def url_of(
        self, request: Request, parameters: Mapping[str, str | list[str]], about: Mapping[str, Any] = _NOTHING
    ) -> URL:
        """Return the URL of a request.

        Args:
            request: As the document has it.
            parameters: More query parameters than its own.
            about: Values for its placeholders besides settings.

        Raises:
            ConfigurationError: The settings make a path that leads somewhere else.
        """
        values = {**self.values, **about}
        path = fill(request.path, values, escape=_quoted)
        _require_straight(path)
        query = {name: fill(template, values) for name, template in request.query.items()}
        address = f"{str(self.base_url).rstrip('/')}{path}"
        encoded = urlencode({**query, **parameters}, doseq=True, quote_via=quote)
        return URL(f"{address}?{encoded}" if encoded else address, encoded=True)

    def shown_path(self, request: Request, about: Collection[str]) -> str:
        """Return a request's path as messages may tell it: what it is about stays a placeholder."""
        names = {name: f"{{{name}}}" for name in about}
        path = fill(request.path, {**names, **self.values}, escape=lambda value: quote(value, safe="{}"))
        return f"{self.base_url.raw_path.rstrip('/')}{path}"


def check_settings(document: ProviderDocument, settings: Mapping[str, str]) -> None:
    """Make sure that settings are what a document asks for, no less and no more.

    Raises:
        ConfigurationError: The document has problems, or the settings have; the message lists them all.
    """
    definition = RestDefinition.parse(document)
    known = ", ".join(sorted(document.settings)) or "none"
    unknown = [
        Problem(f"settings.{name}", f"is unknown; the provider has: {known}")
        for name in sorted(set(settings) - set(document.settings))
    ]
    _refuse(document, unknown + _setting_problems(document, definition, _values(document, settings)))
    Connection.of(document, definition, settings)


def require_https(document: ProviderDocument, settings: Mapping[str, str]) -> None:
    """Make sure that settings which fit make no URL of plain http.

    Raises:
        ConfigurationError: They do.
    """
    for field, url in Connection.of(document, RestDefinition.parse(document), settings).urls.items():
        if url.scheme == "http":
            raise ConfigurationError(f"The {_name_of(field)} of provider {document.id} {PLAIN_HTTP}.")


def _values(document: ProviderDocument, settings: Mapping[str, str]) -> dict[str, str]:
    return {
        name: settings.get(name, "").strip() or setting.default or ""
        for name, setting in document.settings.items()
    }


def _setting_problems(
    document: ProviderDocument, definition: RestDefinition, values: Mapping[str, str]
) -> list[Problem]:
    return [
        Problem(f"settings.{name}", message)
        for name, setting in document.settings.items()
        if (message := _setting_problem(values[name], setting, _url_with(name, definition)))
    ]


def _url_with(name: str, definition: RestDefinition) -> str | None:
    return next((field for field, template in definition.urls().items() if f"{{{name}}}" in template), None)


def _setting_problem(value: str, setting: SettingDeclaration, url: str | None) -> str | None:
    if not value:
        return "is missing; give it a value" if setting.required else None
    if not value.isprintable():
        return "has a control character; remove it"
    if setting.kind == "url" and not _URL_BEGINNING.match(value):
        return "must begin with https:// or http:// and a host"
    if setting.kind == "text" and url and not _HOST_PART.fullmatch(value):
        return f"stands in the {_name_of(url)}; use letters, digits, dots and hyphens only"
    return None


def _url(document: ProviderDocument, field: str, template: str, values: Mapping[str, str]) -> URL:
    text = fill(template, {name: value.rstrip("/") for name, value in values.items()})
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    if not url.host or url.user or url.query_string or url.fragment:
        raise ConfigurationError(
            f"The settings for provider {document.id} make no {_name_of(field)}: it needs"
            " scheme, host and path only, without user, query or fragment."
        )
    _require_straight(text)
    return url


def _name_of(field: str) -> str:
    return "base URL" if field == BASE_URL else f"URL {field}"


def _require_straight(path: str) -> None:
    if {".", ".."} & set(path.split("/")):
        raise ConfigurationError("A setting or an id that stands in a path is `.` or `..`; use a name.")


def _quoted(value: str) -> str:
    return quote(value, safe="")


def _refuse(document: ProviderDocument, problems: list[Problem]) -> None:
    if problems:
        message = f"The settings don't fit provider {document.id}: {as_text(problems)}"
        raise ConfigurationError(message, problems)
