"""Credentials on requests: put on when one is sent, taken off whatever is kept."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote, unquote_plus

from yarl import URL

from shared.adapters.rest.auth import (
    ApiKeyAuth,
    BasicAuth,
    BearerAuth,
    NoAuth,
    StaticAuth,
    credential_fields,
)
from shared.domain.errors import ConfigurationError, Problem
from shared.domain.validation import as_text
from shared.ports.adapter import Credentials
from shared.ports.token_source import AccessToken

_HEADER_VALUE = re.compile(r"[ -~]*")
_MAY_BE_EMPTY = frozenset({"password"})  # some APIs take their key as the user name of Basic, without more


@dataclass(frozen=True, slots=True)
class Signer:
    """An integration's credentials in the places where its provider wants them.

    Attributes:
        headers: To send with every request.
        parameter: The query parameter to add to every URL, and its value.
        secrets: What no message may show and no position may keep.
        token: What a source gave for this request, where there is one.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameter: tuple[str, str] | None = field(default=None, repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    token: AccessToken | None = None

    @classmethod
    def with_token(cls, token: AccessToken) -> Self:
        """Return what a live token makes of a request (RFC 6750)."""
        return cls({"Authorization": f"Bearer {token.value}"}, secrets=frozenset({token.value}), token=token)

    @classmethod
    def of(cls, auth: StaticAuth, credentials: Credentials, provider_id: str) -> Self:
        """Bring a document's `auth` and an integration's credentials together.

        Raises:
            ConfigurationError: A credential is missing, or can't be sent; the message tells no value.
        """
        values = {name: credentials.values.get(name, "") for name in credential_fields(auth)}
        if problems := _problems(auth, values):
            raise ConfigurationError(f"The credentials don't fit provider {provider_id}: {as_text(problems)}")
        match auth:
            case NoAuth():
                return cls()
            case BearerAuth():
                return cls._in_header("Authorization", "Bearer ", values["token"])
            case BasicAuth():
                return cls._basic(values["username"], values["password"])
            case ApiKeyAuth():
                return cls._api_key(auth, values["apiKey"])

    def signed(self, url: str) -> str:
        """Return a URL with its credentials."""
        if self.parameter is None:
            return url
        name, value = (quote(part, safe="") for part in self.parameter)
        return f"{url}{'&' if '?' in url else '?'}{name}={value}"

    def clean(self, url: URL) -> str:
        """Return a URL's path and query without credentials, whoever put them there."""
        kept = [pair for pair in url.raw_query_string.split("&") if pair and not self._is_secret(pair)]
        return f"{url.raw_path}?{'&'.join(kept)}" if kept else url.raw_path

    def _is_secret(self, pair: str) -> bool:
        name, _, value = (unquote_plus(part) for part in pair.partition("="))
        return value in self.secrets or (self.parameter is not None and name == self.parameter[0])

    @classmethod
    def _in_header(cls, header: str, prefix: str, secret: str) -> Self:
        return cls(headers={header: f"{prefix}{secret}"}, secrets=frozenset({secret}))

    @classmethod
    def _basic(cls, username: str, password: str) -> Self:
        token = base64.b64encode(f"{username}:{password}".encode()).decode()
        secrets = frozenset({password, token} - {""})
        return cls(headers={"Authorization": f"Basic {token}"}, secrets=secrets)

    @classmethod
    def _api_key(cls, auth: ApiKeyAuth, key: str) -> Self:
        if auth.header is not None:
            return cls._in_header(auth.header, auth.prefix, key)
        value = f"{auth.prefix}{key}"
        return cls(
            parameter=(auth.parameter or "", value), secrets=frozenset({key, value, quote(key, safe="")})
        )


def _problems(auth: StaticAuth, values: Mapping[str, str]) -> list[Problem]:
    return [
        Problem(f"credentials.{name}", message)
        for name, value in values.items()
        if (message := _problem(auth, name, value))
    ]


def _problem(auth: StaticAuth, name: str, value: str) -> str | None:
    if not value:
        return None if name in _MAY_BE_EMPTY else "is missing; connect the integration"
    if isinstance(auth, BasicAuth):
        if not value.isprintable():
            return "has a control character, such as a line break; enter it again without"
        return "has a colon, which a user name can't have" if name == "username" and ":" in value else None
    if not _HEADER_VALUE.fullmatch(value):
        return "has a line break, or a character other than ASCII; enter it again without"
    return None
