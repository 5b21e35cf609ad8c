"""The error tree, typed by the caller's next move.

    IntegrationError
    ├── RetryableError            try again after `retry_after_seconds`
    │   ├── ThrottledError            the other side asked for a pause
    │   ├── UnavailableError          no answer, a broken one, or a server error
    │   │   └── UnreachableError          no connection, so nothing was sent
    │   ├── LeaseHeldError            somebody else works on the same thing
    │   ├── RequestInProgressError    the same request came before and is not answered yet
    │   └── LeaseLostError            somebody else took over what we held
    ├── StopError                 stop, and tell somebody; repeating changes nothing
    │   ├── ConfigurationError        our settings or a provider's document are wrong
    │   ├── CredentialsRejectedError  the provider does not know us (any more)
    │   ├── AccessDeniedError         the provider knows us and refuses
    │   ├── ProviderContractError     the provider's answer is not what its document says
    │   ├── NoProgressError           a run comes back to where it was, again and again
    │   ├── RunTooLargeError          a run reads more than its integration allows
    │   └── UnreadableMessageError    a queue message that no version of this app wrote
    ├── RecordRejectedError       put this record aside and go on with the next
    │   └── DocumentTooLargeError     more than a document may hold
    ├── RecordConflictError       the provider's record changed: read it again and decide anew
    │   └── RecordMissingError        it is not there (any more)
    ├── UncertainOutcomeError     it may have been done: look it up before trying again
    └── RequestError              the caller's request is wrong
        ├── InvalidRequestError       inconsistent; `problems` names the fields
        │   ├── MalformedRequestError     not even JSON, or a header that can't be read
        │   ├── BodyTooLargeError         more bytes than a body may have
        │   └── KeyReusedError            an Idempotency-Key that another request came with
        ├── UnauthenticatedError      a token that does not verify
        │   └── TokenMissingError         no token at all
        ├── ForbiddenError            the role may not do this
        ├── NotFoundError             not there, or another tenant's
        ├── AlreadyExistsError        the id is taken
        ├── StaleWriteError           it changed since the caller read it
        ├── UndeclaredQueryError      a query that names no tenant or that no declared index serves
        └── InvalidStateError         not possible in the object's present state

Backends and `adapters/http.py` translate foreign errors into these at their edge. Only
`functions/_problems.py` and `functions/_messages.py` turn them into outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


class IntegrationError(Exception):
    """Base of everything that this app raises on purpose.

    `code` is stable and machine-readable; the message says what is wrong and what to do, and never
    holds a secret. `source` is "provider" where a provider, or its limits, are to blame.
    """

    code = "internal_error"
    source: str | None = None

    def of_provider(self) -> Self:
        """Blame the provider: logs tell it, so that no alert takes our own services for a connection."""
        self.source = "provider"
        return self


class RetryableError(IntegrationError):
    """Try again after `retry_after_seconds`; None leaves the delay to the caller's policy."""

    code = "temporarily_unavailable"

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ThrottledError(RetryableError):
    """The other side asked for a pause (HTTP 429 and its like)."""

    code = "rate_limited"


class UnavailableError(RetryableError):
    """No answer in time, a broken connection, or the other side's own failure (HTTP 5xx)."""

    code = "unavailable"


class UnreachableError(UnavailableError):
    """No connection came about, so nothing was sent: even what may happen only once can be tried again."""


class LeaseHeldError(RetryableError):
    """Somebody else works on the same thing."""

    code = "lease_held"


class RequestInProgressError(RetryableError):
    """The same request came before, with the same Idempotency-Key, and is not answered yet."""

    code = "request_in_progress"


class LeaseLostError(RetryableError):
    """The lease ran out and another owner may have taken it: nothing more may be written under it."""

    code = "lease_lost"


class StopError(IntegrationError):
    """Stop, and tell somebody: repeating the same thing changes nothing."""

    code = "permanent_failure"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a request or a document: the dotted path of the field, and what to do about it."""

    field: str
    message: str


class ConfigurationError(StopError):
    """Settings, a mapping or a provider's document are wrong; the message lists every problem.

    `problems` has them one by one, where they are about fields that somebody can mend.
    """

    code = "configuration_error"

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class CredentialsRejectedError(StopError):
    """The provider does not accept our credentials (any more)."""

    code = "credentials_rejected"


class AccessDeniedError(StopError):
    """The provider knows us and refuses what we asked for."""

    code = "access_denied"


class ProviderContractError(StopError):
    """The provider's answer is not what its document says."""

    code = "provider_contract"


class NoProgressError(StopError):
    """A run does not move on: its next steps would only repeat what was done."""

    code = "no_progress"


class RunTooLargeError(StopError):
    """A run reads more than its integration allows: a source without an end, or a bound that is too low."""

    code = "run_too_large"


class ResyncRequiredError(StopError):
    """The provider no longer knows the watermark; only a full run can go on."""

    code = "resync_required"


class UnreadableMessageError(StopError):
    """A queue message that no version of this app can have written."""

    code = "unreadable_message"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a record is rejected: a stable code, the shard's field if one is to blame, and a sentence.

    The sentence names fields and rules, never a value: a record may be about a person.
    """

    code: str
    field: str | None
    message: str


class RecordRejectedError(IntegrationError):
    """This record can't be taken; the others can.

    `reasons` has everything that is wrong with it; `code` and `field` are those of the first.
    """

    code = "record_rejected"

    def __init__(
        self,
        message: str,
        *,
        code: str = "record_rejected",
        field: str | None = None,
        reasons: Sequence[Reason] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.reasons = tuple(reasons) or (Reason(code, field, message),)

    @classmethod
    def because_of(cls, reasons: Sequence[Reason]) -> RecordRejectedError:
        """Return the error for one reason or more."""
        first, *others = reasons
        message = f"{first.message} And {len(others)} more." if others else first.message
        return cls(message, code=first.code, field=first.field, reasons=reasons)


class DocumentTooLargeError(RecordRejectedError):
    """A document over the limit of every backend (2 MB, Cosmos DB's limit for one item)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="document_too_large")


class RecordConflictError(IntegrationError):
    """The provider's record is not what the caller knows: read it again and decide anew."""

    code = "record_conflict"


class RecordMissingError(RecordConflictError):
    """The provider does not have the record (any more)."""

    code = "record_missing"


class UncertainOutcomeError(IntegrationError):
    """A request that may happen only once may have been carried out: look it up before trying again."""

    code = "uncertain_outcome"


class RequestError(IntegrationError):
    """The caller's request is wrong; the same request will fail again."""

    code = "bad_request"


class InvalidRequestError(RequestError):
    """Inconsistent input; `problems` has one entry for each field to mend."""

    code = "invalid_request"

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class MalformedRequestError(InvalidRequestError):
    """Not even JSON, or a header that can't be read."""

    code = "malformed_request"


class BodyTooLargeError(InvalidRequestError):
    """More bytes than a body may have."""

    code = "body_too_large"


class KeyReusedError(InvalidRequestError):
    """An Idempotency-Key that another request came with."""

    code = "idempotency_key_reused"


class UnauthenticatedError(RequestError):
    """No token, or one that does not verify."""

    code = "unauthenticated"


class TokenMissingError(UnauthenticatedError):
    """No token at all."""


class ForbiddenError(RequestError):
    """The caller's role may not do this."""

    code = "forbidden"


class NotFoundError(RequestError):
    """Not there, or another tenant's: the answer is the same for both."""

    code = "not_found"


class AlreadyExistsError(RequestError):
    """The id is taken."""

    code = "already_exists"


class StaleWriteError(RequestError):
    """The document changed since it was read: read it again and decide anew."""

    code = "stale_write"


class UndeclaredQueryError(RequestError):
    """A query that names no tenant, or that no declared index serves."""

    code = "undeclared_query"


class InvalidStateError(RequestError):
    """Not possible in the object's present state."""

    code = "invalid_state"
