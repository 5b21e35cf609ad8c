"""Idempotency-Key at the edge: the first answer is given again, and marked as such."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from azure.functions import HttpResponse

from functions._problems import problem_response
from shared.domain.errors import MalformedRequestError, RetryableError
from shared.domain.idempotency import KeyedRequest, SavedAnswer
from shared.services.idempotency import IdempotencyKeys

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
"""Says `true` on an answer that is given again."""

_KEY = re.compile(r"[!-~]{1,255}")
_OF_ONE_EXCHANGE = frozenset({"x-request-id"})

Attempt = Callable[[KeyedRequest], Awaitable[HttpResponse]]


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request that came with a key.

    Attributes:
        tenant_id: Whose key it is; None for a caller that names no tenant.
        parts: Everything that makes it another request than the next: caller, operation, path, body.
    """

    key: str
    tenant_id: str | None
    parts: tuple[bytes, ...]
    request_id: str

    @property
    def fingerprint(self) -> str:
        """A hash of all parts, each with its length, so that none runs into the next."""
        sizes = ",".join(str(len(part)) for part in self.parts).encode()
        return hashlib.sha256(b"\n".join((sizes, *self.parts))).hexdigest()


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the key that a request came with, without the quotes of a structured field; None without one.

    Raises:
        MalformedRequestError: It is not 1 to 255 visible ASCII characters.
    """
    given = headers.get(HEADER)
    if given is None:
        return None
    key = given[1:-1] if len(given) > 1 and given[0] == given[-1] == '"' else given
    if not _KEY.fullmatch(key):
        raise MalformedRequestError(f"{HEADER}: send 1 to 255 visible ASCII characters; a UUID will do.")
    return key


async def answered_once(keys: IdempotencyKeys, keyed: Keyed, attempt: Attempt) -> HttpResponse:
    """Return the answer to a request: the first one, where there was one, else that of this attempt.

    Only what the next attempt could not better is kept: no answer that says to try again, and none that is
    our fault.

    Raises:
        KeyReusedError, RequestInProgressError: The key can't be used, or not now.
    """
    claimed = await keys.claim(keyed.tenant_id, keyed.key, keyed.fingerprint)
    if claimed.answer is not None:
        return _given_again(claimed.answer, keyed.request_id)
    try:
        response = await attempt(claimed)
    except Exception as error:  # noqa: BLE001 - an error is an answer too
        response = problem_response(error, keyed.request_id)
        if isinstance(error, RetryableError) or response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            await keys.release(claimed)
            return response
    await keys.keep(claimed, _saved(response))
    return response


def _saved(response: HttpResponse) -> SavedAnswer:
    headers = {
        name: value for name, value in response.headers.items() if name.lower() not in _OF_ONE_EXCHANGE
    }
    body = response.get_body().decode()
    return SavedAnswer(status=response.status_code, headers=headers, media_type=response.mimetype, body=body)


def _given_again(answer: SavedAnswer, request_id: str) -> HttpResponse:
    return HttpResponse(
        answer.body,
        status_code=answer.status,
        headers={**answer.headers, "X-Request-Id": request_id, REPLAYED_HEADER: "true"},
        mimetype=answer.media_type,
    )
