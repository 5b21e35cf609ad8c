"""What the double refuses, as the service would say it."""

from __future__ import annotations

from collections.abc import Mapping

WRONG_PARTITION = 1001
NOT_SERVABLE_BY_THE_GATEWAY = 1004
OWNER_MISSING = 1003
OTHER_CONTAINER = 1024
RANGE_GONE = 1002
THROTTLED = 3200

CODES: Mapping[int, str] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    408: "RequestTimeout",
    409: "Conflict",
    410: "Gone",
    412: "PreconditionFailed",
    413: "RequestEntityTooLarge",
    424: "FailedDependency",
    429: "TooManyRequests",
    449: "RetryWith",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}


class Refused(Exception):  # noqa: N818 - an answer of the service, not a defect of the double
    """An answer that is not a success: a status, its sub-status and a message."""

    def __init__(
        self, status: int, message: str, *, substatus: int = 0, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.substatus = substatus
        self.headers = dict(headers or {})


def bad_request(message: str, *, substatus: int = 0) -> Refused:
    return Refused(400, message, substatus=substatus)


def not_found(what: str) -> Refused:
    return Refused(404, f"Entity with the specified id does not exist in the system: {what}.")


def owner_not_found(what: str) -> Refused:
    return Refused(404, f"Owner resource does not exist: {what}.", substatus=OWNER_MISSING)


def conflict(what: str) -> Refused:
    return Refused(409, f"Entity with the specified id already exists in the system: {what}.")


def precondition_failed() -> Refused:
    return Refused(412, "Operation cannot be performed because one of the specified precondition is not met.")


def too_large(message: str) -> Refused:
    return Refused(413, message)
