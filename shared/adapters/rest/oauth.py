"""OAuth 2.0 in the `auth` part of a provider's document (RFC 6749): where access tokens come from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from shared.adapters.rest.limits import RequestLimits
from shared.adapters.rest.notation import BodyPath, Name
from shared.domain.model import WireModel

_OURS = frozenset({"client_id", "client_secret", "grant_type", "refresh_token", "scope"})
_OURS_IN_THE_BROWSER = frozenset(
    {
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
    }
)


def _free_parameter(value: str) -> str:
    return _not_among(_OURS, value)


def _free_browser_parameter(value: str) -> str:
    return _not_among(_OURS_IN_THE_BROWSER, value)


def _not_among(taken: frozenset[str], name: str) -> str:
    if name in taken:
        raise ValueError("is set by the app itself; remove it")
    return name


UrlTemplate = Annotated[str, Field(min_length=1, max_length=2000)]
Scope = Annotated[str, Field(pattern=r"^[!#-\[\]-~]+$", max_length=500)]  # RFC 6749, 3.3
TokenParameter = Annotated[Name, AfterValidator(_free_parameter)]
BrowserParameter = Annotated[Name, AfterValidator(_free_browser_parameter)]


class OAuth2(WireModel):
    """What all kinds have: how to ask the token endpoint (RFC 6749, 3.2).

    Attributes:
        token_url: A template, as are the values of `parameters`. It may be of another origin than `baseUrl`.
        scopes: What to ask for, joined by `scopeSeparator`; none leaves it to the server.
        client_auth: `basic` sends id and secret in the header Authorization, `body` in the form.
        parameters: More fields of the form, such as `audience`.
        token_path: The object in the answer that has `access_token` and its like; else the answer itself.
        expires_in_unit: Of the answer's `expires_in`.
        limits: How many requests this app sends to the token endpoint, for all tenants together.
    """

    token_url: UrlTemplate
    scopes: Annotated[tuple[Scope, ...], Field(max_length=100)] = ()
    scope_separator: Literal[" ", ","] = " "
    client_auth: Literal["basic", "body"] = "basic"
    parameters: Annotated[dict[TokenParameter, str], Field(max_length=20)] = {}
    token_path: BodyPath | None = None
    expires_in_unit: Literal["seconds", "milliseconds"] = "seconds"
    limits: RequestLimits = RequestLimits(concurrent_requests=4)

    def urls(self) -> dict[str, str]:
        """Return the templates of URLs by their keys in the document."""
        return {"tokenUrl": self.token_url}

    def parameter_templates(self) -> dict[str, Any]:
        """Return the templates of parameters by their keys in the document."""
        return {"parameters": self.parameters}


class OAuth2ClientCredentials(OAuth2):
    """The app signs in as itself, with the credentials `clientId` and `clientSecret` (RFC 6749, 4.4)."""

    kind: Literal["oauth2ClientCredentials"]


class OAuth2AuthorizationCode(OAuth2):
    """A person allows the app in (RFC 6749, 4.1); it goes on with the credential `refreshToken` (6).

    Attributes:
        authorization_url: Where the person is sent, with `authorizationParameters`. A template.
        revocation_url: Where tokens are given back (RFC 7009). A template.
        pkce: Whether the server knows RFC 7636.
    """

    kind: Literal["oauth2AuthorizationCode"]
    authorization_url: UrlTemplate
    revocation_url: UrlTemplate | None = None
    pkce: bool = True
    authorization_parameters: Annotated[dict[BrowserParameter, str], Field(max_length=20)] = {}

    def urls(self) -> dict[str, str]:
        """Return the templates of URLs by their keys in the document."""
        optional = {"revocationUrl": self.revocation_url} if self.revocation_url else {}
        return {**super().urls(), "authorizationUrl": self.authorization_url, **optional}

    def parameter_templates(self) -> dict[str, Any]:
        """Return the templates of parameters by their keys in the document."""
        return {**super().parameter_templates(), "authorizationParameters": self.authorization_parameters}


class OAuth2JwtBearer(OAuth2):
    """A service account signs in by an assertion (RFC 7523): the credentials `clientEmail` and `privateKey`.

    Attributes:
        subject: In whose name, where that is somebody else. A template.
        audience: Whom the assertion is for; `tokenUrl` unless it is said. A template.
    """

    kind: Literal["oauth2JwtBearer"]
    subject: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    audience: Annotated[str, Field(min_length=1, max_length=2000)] | None = None

    def parameter_templates(self) -> dict[str, Any]:
        """Return the templates of parameters by their keys in the document."""
        claims = {"subject": self.subject, "audience": self.audience}
        told = {key: template for key, template in claims.items() if template}
        return {**super().parameter_templates(), **told}


AnyOAuth2 = OAuth2ClientCredentials | OAuth2AuthorizationCode | OAuth2JwtBearer
