"""The `auth` part of a provider's document: which credentials a request carries, and where."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.adapters.rest.notation import CredentialHeaderName, Name
from shared.adapters.rest.oauth import AnyOAuth2
from shared.domain.model import WireModel


class NoAuth(WireModel):
    """Requests carry no credentials."""

    kind: Literal["none"] = "none"


class ApiKeyAuth(WireModel):
    """The credential `apiKey` in a header or a query parameter; `prefix` goes before it as it stands."""

    kind: Literal["apiKey"]
    header: CredentialHeaderName | None = None
    parameter: Name | None = None
    prefix: Annotated[str, Field(max_length=50, pattern=r"^[ -~]*$")] = ""

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if (self.header is None) == (self.parameter is None):
            raise ValueError("needs one of `header` and `parameter`")
        return self


class BasicAuth(WireModel):
    """The credentials `username` and `password`, as HTTP has them (RFC 7617)."""

    kind: Literal["basic"]


class BearerAuth(WireModel):
    """The credential `token` in the header Authorization (RFC 6750)."""

    kind: Literal["bearer"]


StaticAuth = NoAuth | ApiKeyAuth | BasicAuth | BearerAuth
Auth = Annotated[StaticAuth | AnyOAuth2, Field(discriminator="kind")]

REFRESH_TOKEN = "refreshToken"  # noqa: S105 - the credential's name
"""The credential that nobody enters: connecting brings it."""

_FIELDS: dict[str, tuple[str, ...]] = {
    "none": (),
    "apiKey": ("apiKey",),
    "basic": ("username", "password"),
    "bearer": ("token",),
    "oauth2ClientCredentials": ("clientId", "clientSecret"),
    "oauth2JwtBearer": ("clientEmail", "privateKey"),
    "oauth2AuthorizationCode": ("clientId", "clientSecret", REFRESH_TOKEN),
}


def credential_fields(auth: Auth) -> tuple[str, ...]:
    """Return the names of the credentials that an integration must have."""
    return _FIELDS[auth.kind]
