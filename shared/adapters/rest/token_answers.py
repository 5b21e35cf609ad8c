"""What an authorisation server answers: a grant, or why there is none (RFC 6749, 5).

Nothing of an answer goes into an error but the codes listed here and its content type: bodies hold tokens,
and descriptions repeat what was sent.
"""

from __future__ import annotations

import math
import re
from typing import Any

from shared.adapters.http import HttpResponse
from shared.adapters.http_errors import error_of_status, parse_retry_after
from shared.adapters.json_body import NotJsonError, parse_json
from shared.adapters.rest.answers import compile_path
from shared.adapters.rest.oauth import OAuth2
from shared.domain.errors import (
    ConfigurationError,
    CredentialsRejectedError,
    IntegrationError,
    ProviderContractError,
    RetryableError,
    ThrottledError,
    UnavailableError,
)
from shared.ports.token_source import AccessToken, TokenGrant

MAX_LIFETIME_SECONDS = 365 * 86_400.0
"""More is not believed: no server means it, and dates have an end."""

_MAX_SCOPES = 200
_SENDABLE = re.compile(r"[ -~]+")
_UNAUTHORIZED = 401

_GONE = (CredentialsRejectedError, "no longer knows the grant; connect the integration again")
_CLIENT = (ConfigurationError, "does not accept the client; correct clientId, clientSecret or `clientAuth`")
_REQUEST = (ConfigurationError, "does not accept the request; correct `auth` in the provider's document")
_BUSY = (UnavailableError, "failed for the moment")

_ERRORS: dict[str, tuple[type[IntegrationError], str]] = {
    # RFC 6749, 5.2 and 4.1.2.1
    "invalid_grant": _GONE,
    "invalid_client": _CLIENT,
    "unauthorized_client": _CLIENT,
    "invalid_request": _REQUEST,
    "invalid_scope": _REQUEST,
    "unsupported_grant_type": _REQUEST,
    "server_error": _BUSY,
    "temporarily_unavailable": _BUSY,
    # RFC 8707, 2
    "invalid_target": _REQUEST,
    # Slack's, with status 200
    "account_inactive": _GONE,
    "invalid_refresh_token": _GONE,
    "token_expired": _GONE,
    "token_revoked": _GONE,
    "bad_client_secret": _CLIENT,
    "invalid_client_id": _CLIENT,
    "ratelimited": (ThrottledError, "asks for a pause"),
}


class TokenAnswers:
    """Reads the answers that a document's `auth` describes."""

    def __init__(self, auth: OAuth2) -> None:
        self._object_in = compile_path(auth.token_path) if auth.token_path else lambda body: body
        self._separator = auth.scope_separator
        self._unit_seconds = 0.001 if auth.expires_in_unit == "milliseconds" else 1.0

    def read(self, response: HttpResponse) -> TokenGrant:
        """Return what was granted.

        Raises:
            CredentialsRejectedError: The grant is gone for good.
            ConfigurationError: The server does not accept the client, or the request.
            RetryableError: It fails for the moment.
            ProviderContractError: It sent something else.
        """
        body = _parsed(response)
        _require_grant(response, body)
        found = self._object_in(body)
        answer = found if isinstance(found, dict) else {}
        token, refresh_token = answer.get("access_token"), answer.get("refresh_token")
        if not isinstance(token, str) or not _SENDABLE.fullmatch(token):
            raise ProviderContractError(f"{response.request.place} answered without a usable access token.")
        return TokenGrant(
            AccessToken(token),
            self._lifetime_seconds(answer.get("expires_in")),
            refresh_token if isinstance(refresh_token, str) and refresh_token else None,
            self._scopes(answer.get("scope")),
        )

    def require_success(self, response: HttpResponse) -> None:
        """Return when the server did what it was asked; raises what `read` does."""
        _require_grant(response, _parsed(response) if response.body and not response.is_success else None)

    def _scopes(self, told: Any) -> tuple[str, ...] | None:
        if not isinstance(told, str):
            return None
        return tuple(told.replace(self._separator, " ").split())[:_MAX_SCOPES]

    def _lifetime_seconds(self, told: Any) -> float | None:
        """Read a number, also one in quotes; what is none tells nothing."""
        if isinstance(told, bool) or not isinstance(told, int | float | str):
            return None
        try:
            seconds = float(told) * self._unit_seconds
        except ValueError:
            return None
        return min(seconds, MAX_LIFETIME_SECONDS) if math.isfinite(seconds) and seconds > 0 else None


def _parsed(response: HttpResponse) -> Any:
    try:
        return parse_json(response.body, response.headers.get("Content-Type", "no content type"))
    except NotJsonError as error:
        if response.is_success:
            raise ProviderContractError(
                f"{response.request.place} answered with {error}; check `tokenUrl`."
            ) from None
        return None


def _require_grant(response: HttpResponse, body: Any) -> None:
    if not response.is_success:
        place, pause = response.request.place, _pause(response)
        by_status = error_of_status(response.status, place, retry_after_seconds=pause)
        if isinstance(by_status, RetryableError):
            raise by_status
        if response.status == _UNAUTHORIZED:
            by_status = _error(*_CLIENT, response)
        raise _told_error(response, body) or by_status
    if error := _told_error(response, body):
        raise error


def _told_error(response: HttpResponse, body: Any) -> IntegrationError | None:
    code = body.get("error") if isinstance(body, dict) else None
    if not isinstance(code, str) or code not in _ERRORS:
        return None
    return _error(*_ERRORS[code], response, f", {code}")


def _error(
    kind: type[IntegrationError], says: str, response: HttpResponse, code: str = ""
) -> IntegrationError:
    message = f"{response.request.place} {says} (status {response.status}{code})."
    if issubclass(kind, RetryableError):
        return kind(message, retry_after_seconds=_pause(response)).of_provider()
    return kind(message).of_provider()


def _pause(response: HttpResponse) -> float | None:
    return parse_retry_after(response.headers.get("Retry-After"), now=response.received_at)
