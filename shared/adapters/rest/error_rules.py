"""What a provider's failures mean, by the rules of its document and then by the status."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from shared.adapters.http import HttpResponse
from shared.adapters.http_errors import parse_pause, parse_retry_after
from shared.adapters.redaction import excerpt
from shared.adapters.rest.answers import compile_path, compile_source
from shared.adapters.rest.errors import Action, ErrorRule
from shared.adapters.rest.notation import Source
from shared.domain.errors import (
    AccessDeniedError,
    CredentialsRejectedError,
    IntegrationError,
    ProviderContractError,
    RecordConflictError,
    RecordMissingError,
    RecordRejectedError,
    ResyncRequiredError,
    RetryableError,
    StopError,
    ThrottledError,
    UnavailableError,
)

_REJECTED = (CredentialsRejectedError, "does not accept the credentials; connect the integration again")
_ERRORS: dict[Action, tuple[type[IntegrationError], str]] = {
    "rateLimited": (ThrottledError, "asks for a pause"),
    "retry": (UnavailableError, "failed for the moment"),
    "refresh": _REJECTED,
    "unauthenticated": _REJECTED,
    "forbidden": (AccessDeniedError, "refuses access; check the account's permissions"),
    "permanent": (StopError, "failed, and will fail again"),
    "reset": (
        ResyncRequiredError,
        "no longer knows where the last run ended; everything has to be read again",
    ),
    "conflict": (RecordConflictError, "says that the record has changed; read it again and decide anew"),
    "notFound": (RecordMissingError, "does not have the record; read it again and decide anew"),
    "reject": (RecordRejectedError, "does not take this record; mend its data or the mapping"),
}
_ABOUT_RECORDS: frozenset[Action] = frozenset({"conflict", "notFound", "reject"})

Condition = Callable[[HttpResponse, Any], bool]


class ErrorRules:
    """Tells answers from failures."""

    def __init__(
        self, rules: Sequence[ErrorRule], retry_after: Source | None = None, message: Source | None = None
    ) -> None:
        self._rules = [(_condition_of(rule), rule.action) for rule in rules]
        self._pause = compile_source(retry_after) if retry_after else None
        self._message = compile_source(message) if message else None

    def body_of(self, response: HttpResponse) -> Any:
        """Return the parsed body of a success.

        Raises:
            IntegrationError: What the first rule that fits says, or else what the status means.
            ProviderContractError: A success without JSON.
        """
        body = response.json() if response.is_success else _lenient(response)
        action = next((each for each in self._actions(response, body) if each not in _ABOUT_RECORDS), None)
        if action:
            shown = self._said(response, body) or excerpt(response.body, response.request.secrets)
            raise self._error(action, response, body, shown)
        if not response.is_success:
            response.require_success(self._pause_of(response, body), self._said(response, body))
        return body

    def record_body_of(self, response: HttpResponse, by_status: Mapping[int, Action]) -> Any:
        """Return the parsed body of a success about one record; None where it is empty.

        No message shows anything of the answer's body, which may repeat the record.

        Args:
            response: As it came.
            by_status: What a status means where no rule fits.

        Raises:
            IntegrationError: What the first rule that fits says, or else what the status means.
            ProviderContractError: A success with something other than JSON.
        """
        body = _lenient(response)
        action = next(self._actions(response, body), by_status.get(response.status))
        if action:
            raise self._error(action, response, body)
        response.require_success(self._pause_of(response, body))
        return response.json(quoting=False) if response.body.strip() else None

    def _actions(self, response: HttpResponse, body: Any) -> Iterator[Action]:
        return (action for fits, action in self._rules if fits(response, body))

    def _error(self, action: Action, response: HttpResponse, body: Any, shown: str = "") -> IntegrationError:
        error, says = _ERRORS[action]
        answered = f"status {response.status}: {shown!r}" if shown else f"status {response.status}"
        message = f"{response.request.place} {says} ({answered})."
        if issubclass(error, RetryableError):
            return error(message, retry_after_seconds=self._pause_of(response, body)).of_provider()
        if issubclass(error, RecordRejectedError):
            return error(message, code="provider_rejected").of_provider()
        return error(message).of_provider()

    def _said(self, response: HttpResponse, body: Any) -> str:
        """Return the provider's own words where the document says that they are; empty without any."""
        try:
            said = self._message(response, body) if self._message else None
        except ProviderContractError:
            return ""  # a body of another shape: what failed matters more than the words for it
        return excerpt(said.encode(), response.request.secrets) if isinstance(said, str) else ""

    def _pause_of(self, response: HttpResponse, body: Any) -> float | None:
        told = self._pause(response, body) if self._pause else None
        pause = parse_pause(told, now=response.received_at)
        if pause is None:
            pause = parse_retry_after(response.headers.get("Retry-After"), now=response.received_at)
        return pause


def _lenient(response: HttpResponse) -> Any:
    """Failures often come from a gateway that speaks HTML."""
    try:
        return response.json()
    except ProviderContractError:
        return None


def _condition_of(rule: ErrorRule) -> Condition:
    holds = _value_condition(rule)
    status = rule.status
    return lambda response, body: status in {None, response.status} and holds(response, body)


def _value_condition(rule: ErrorRule) -> Condition:
    if rule.header is None and rule.body_path is None:
        return lambda *_: True
    read = compile_path(rule.body_path)
    header, expected = rule.header, rule.equals

    def holds(response: HttpResponse, body: Any) -> bool:
        value = response.header(header) if header else read(body)
        if expected is None:
            return bool(value)
        return any(type(value) is type(each) and value == each for each in expected)

    return holds
