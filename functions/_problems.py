"""Errors as answers: problem details (RFC 9457), by one table."""

from __future__ import annotations

from http import HTTPStatus

import orjson
from azure.functions import HttpResponse

from shared.domain.errors import (
    AlreadyExistsError,
    BodyTooLargeError,
    DocumentTooLargeError,
    ForbiddenError,
    IntegrationError,
    InvalidRequestError,
    InvalidStateError,
    LeaseHeldError,
    MalformedRequestError,
    NotFoundError,
    RecordConflictError,
    RecordRejectedError,
    RequestInProgressError,
    RetryableError,
    StaleWriteError,
    StopError,
    ThrottledError,
    TokenMissingError,
    UnauthenticatedError,
    UncertainOutcomeError,
    UndeclaredQueryError,
)
from shared.domain.model import WireModel
from shared.telemetry.logs import get_logger

_log = get_logger("http")
_OUR_SIDE = "Something is wrong on our side; the request id finds it in our logs."
_NOT_NOW = "Not possible at this moment; try again after Retry-After."

STATUSES: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (UnauthenticatedError, HTTPStatus.UNAUTHORIZED),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (AlreadyExistsError, HTTPStatus.CONFLICT),
    (InvalidStateError, HTTPStatus.CONFLICT),
    (RequestInProgressError, HTTPStatus.CONFLICT),
    (LeaseHeldError, HTTPStatus.CONFLICT),
    (StaleWriteError, HTTPStatus.PRECONDITION_FAILED),
    (MalformedRequestError, HTTPStatus.BAD_REQUEST),
    (BodyTooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (InvalidRequestError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UndeclaredQueryError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (DocumentTooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (RecordRejectedError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (RecordConflictError, HTTPStatus.CONFLICT),
    (UncertainOutcomeError, HTTPStatus.BAD_GATEWAY),
    (ThrottledError, HTTPStatus.TOO_MANY_REQUESTS),
    (RetryableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (StopError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (Exception, HTTPStatus.INTERNAL_SERVER_ERROR),
)
"""The first row that fits decides."""


class FieldProblem(WireModel):
    """One field to mend: its path, and what is wrong with it."""

    field: str
    message: str


class ProblemDetails(WireModel):
    """An error, as `application/problem+json` (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldProblem] | None = None


def status_of(error: Exception) -> HTTPStatus:
    """Return the status that an error is answered with."""
    return next(status for kind, status in STATUSES if isinstance(error, kind))


def problem_response(error: Exception, request_id: str) -> HttpResponse:
    """Return an error as problem details, and log it where it is ours."""
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("A request failed", exc_info=error)
    elif status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        _log.warning("A request was refused", extra={"metadata": {"reason": str(error)}})
    details = ProblemDetails(
        title=status.phrase,
        status=status.value,
        detail=_detail(error, status),
        code=error.code if isinstance(error, IntegrationError) else IntegrationError.code,
        request_id=request_id,
        errors=_field_errors(error),
    )
    return HttpResponse(
        orjson.dumps(details.model_dump(by_alias=True, exclude_none=True)),
        status_code=status.value,
        headers={"X-Request-Id": request_id, "Cache-Control": "no-store", **_error_headers(error)},
        mimetype="application/problem+json",
    )


def _detail(error: Exception, status: HTTPStatus) -> str:
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return str(error)
    return _NOT_NOW if isinstance(error, RetryableError) else _OUR_SIDE


def _error_headers(error: Exception) -> dict[str, str]:
    if isinstance(error, UnauthenticatedError):
        return {"WWW-Authenticate": _challenge(error)}
    if isinstance(error, RetryableError):
        return {"Retry-After": str(max(1, round(error.retry_after_seconds or 1)))}
    return {}


def _challenge(error: UnauthenticatedError) -> str:
    """Name what is wrong with a token; without one, only the scheme (RFC 6750, section 3)."""
    return "Bearer" if isinstance(error, TokenMissingError) else 'Bearer error="invalid_token"'


def _field_errors(error: Exception) -> list[FieldProblem] | None:
    if not isinstance(error, InvalidRequestError) or not error.problems:
        return None
    return [FieldProblem(field=problem.field, message=problem.message) for problem in error.problems]
