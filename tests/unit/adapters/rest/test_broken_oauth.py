"""What an author is told whose `auth` of an OAuth kind is wrong, and a tenant admin whose settings are."""

from __future__ import annotations

from typing import Any

import pytest

from shared.adapters.registry import AdapterRegistry
from shared.adapters.rest.definition import check
from shared.domain.errors import ConfigurationError, Problem
from shared.domain.provider import ProviderDocument
from tests.fakes.clock import FakeClock
from tests.unit.adapters.rest.changed_documents import changed


def client(**changes: Any) -> ProviderDocument:
    auth = {"kind": "oauth2ClientCredentials", "tokenUrl": "https://login.example.com/token", **changes}
    return changed("rest/auth", auth)


def person(**changes: Any) -> ProviderDocument:
    urls = {"tokenUrl": "{serverUrl}/token", "authorizationUrl": "{serverUrl}/authorize"}
    return changed("rest/auth", {"kind": "oauth2AuthorizationCode", **urls, **changes})


BROKEN = {
    "no token URL": (
        changed("rest/auth", {"kind": "oauth2ClientCredentials"}),
        [Problem("rest.auth.tokenUrl", "is missing; add it")],
    ),
    "no authorization URL": (
        changed("rest/auth", {"kind": "oauth2AuthorizationCode", "tokenUrl": "https://a/token"}),
        [Problem("rest.auth.authorizationUrl", "is missing; add it")],
    ),
    "token URL without scheme": (
        client(tokenUrl="login.example.com"),
        [Problem("rest.auth.tokenUrl", "must begin with https://, http:// or a {setting} of kind url")],
    ),
    "revocation URL with a URL inside": (
        person(revocationUrl="https://{serverUrl}/revoke"),
        [
            Problem(
                "rest.auth.revocationUrl", "{serverUrl} is of kind url, which can only stand at the beginning"
            )
        ],
    ),
    "placeholder without setting": (
        client(parameters={"audience": "{audience}"}),
        [
            Problem(
                "rest.auth.parameters.audience",
                "{audience} is no setting; declare `audience` under settings, or correct the name",
            )
        ],
    ),
    "parameter of the app's own": (
        client(parameters={"grant_type": "password"}),
        [Problem("rest.auth.parameters.grant_type", "is set by the app itself; remove it")],
    ),
    "browser parameter of the app's own": (
        person(authorizationParameters={"state": "x"}),
        [Problem("rest.auth.authorizationParameters.state", "is set by the app itself; remove it")],
    ),
    "scope with a space": (
        client(scopes=["a b"]),
        [
            Problem(
                "rest.auth.scopes.0",
                r"has characters that it may not have; it must match ^[!#-\[\]-~]+$",
            )
        ],
    ),
    "scope separator": (
        client(scopeSeparator=";"),
        [Problem("rest.auth.scopeSeparator", "must be ' ' or ','")],
    ),
    "client authentication": (
        client(clientAuth="jwt"),
        [Problem("rest.auth.clientAuth", "must be 'basic' or 'body'")],
    ),
    "unit of the lifetime": (
        client(expiresInUnit="hours"),
        [Problem("rest.auth.expiresInUnit", "must be 'seconds' or 'milliseconds'")],
    ),
    "token path": (
        client(tokenPath="a..b"),
        [Problem("rest.auth.tokenPath", "is not a dotted path; write it as `data.items`, at most ten names")],
    ),
    "key of the other kind": (
        client(pkce=True),
        [Problem("rest.auth.pkce", "is not a key here, only elsewhere; move or remove it")],
    ),
    "refresh without tokens": (
        changed("rest/errors", [{"status": 403, "action": "refresh"}]),
        [
            Problem(
                "rest.errors.0.action",
                "`refresh` needs an `auth` that has tokens to renew, of an OAuth kind; use `unauthenticated`",
            )
        ],
    ),
}


@pytest.mark.parametrize(("document", "expected"), BROKEN.values(), ids=BROKEN)
def test_broken_auth_is_told_with_path_and_cure(document: ProviderDocument, expected: list[Problem]) -> None:
    """Each mistake is named by its path in the document, with what to do about it."""
    assert check(document) == expected


@pytest.mark.parametrize("document", [client(), person(), client(tokenUrl="https://{shelf}.example.com/t")])
def test_working_auth_has_no_problems(document: ProviderDocument) -> None:
    """Its URLs may be of another origin than the API."""
    assert check(document) == []


@pytest.mark.parametrize(
    ("document", "settings", "says"),
    [
        (
            client(tokenUrl="https://{shelf}.example.com/t"),
            {"shelf": "a/b"},
            "settings.shelf: stands in the URL rest.auth.tokenUrl; use letters, digits, dots and hyphens",
        ),
        (person(), {"serverUrl": "https://a/?x=1"}, "make no base URL: it needs scheme, host and path only"),
        (person(), {"serverUrl": "http://a"}, "The base URL of provider things goes over plain http"),
        (client(tokenUrl="http://a/t"), {}, "The URL rest.auth.tokenUrl of provider things goes over plain"),
        (client(tokenUrl="https://{shelf}/t"), {"shelf": ".."}, "stands in a path is `.` or `..`"),
        (client(tokenUrl="https://a/t?{shelf}"), {"shelf": "x"}, "make no URL rest.auth.tokenUrl: it needs"),
    ],
)
def test_settings_that_make_no_url_are_refused(
    document: ProviderDocument, settings: dict[str, str], says: str
) -> None:
    """Before anything is stored or sent."""
    with pytest.raises(ConfigurationError) as caught:
        AdapterRegistry(FakeClock()).check_settings(
            document, {"serverUrl": "https://a.example", "shelf": "s1", **settings}
        )
    assert says in str(caught.value)
