"""HTTP: one route table row is one function, and every request goes the same way.

Request id, caller, role, body and query are dealt with here, so that a handler gets a `Call` that is
right and returns an `Answer`. Errors become problem details in functions/_problems.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TypeVar

from azure.functions import AuthLevel, FunctionApp, HttpRequest, HttpResponse
from pydantic import BaseModel

from functions._auth import identify
from functions._idempotency import Keyed, answered_once, idempotency_key
from functions._input import parse_body, parse_query
from functions._problems import problem_response
from shared import bootstrap
from shared.bootstrap import Runtime
from shared.domain.caller import Caller, Role
from shared.domain.errors import ForbiddenError, InvalidRequestError, MalformedRequestError, Problem
from shared.domain.idempotency import KeyedRequest
from shared.domain.model import WireModel
from shared.telemetry.logs import log_context

M = TypeVar("M", bound=BaseModel)
_MAX_REQUEST_ID = 128
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class NoQuery(WireModel):
    """A request without query parameters."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has passed every check.

    Attributes:
        headers: As they came; names in any case.
        object_id: The id for what the call makes: the same in every attempt at one keyed request.
        repeated: True where an attempt before this one may have done the work, in part or all of it.
    """

    caller: Caller | None
    request_id: str
    path: Mapping[str, str]
    if_match: str | None
    parsed_query: BaseModel
    parsed_body: BaseModel | None
    opened: Runtime | None
    headers: Mapping[str, str] = field(default_factory=dict)
    object_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    repeated: bool = False

    @property
    def runtime(self) -> Runtime:
        """The app's services, for every route that does not say that it needs none."""
        if self.opened is None:
            raise TypeError("The route says that it needs no runtime.")
        return self.opened

    @property
    def tenant_id(self) -> str:
        """The tenant that the call is about."""
        if self.caller is None or self.caller.tenant_id is None:
            problem = Problem("X-Tenant-Id", "name the tenant in this header")
            raise InvalidRequestError("The request names no tenant.", [problem])
        return self.caller.tenant_id

    @property
    def actor(self) -> str:
        """Who is noted for what the call does."""
        return self.caller.user_id if self.caller else ""

    def query(self, model: type[M]) -> M:
        """Return the query parameters as the model that the route declares."""
        return _declared(self.parsed_query, model)

    def body(self, model: type[M]) -> M:
        """Return the body as the model that the route declares."""
        return _declared(self.parsed_body, model)


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send back: a model as JSON, or a page for a person's browser, or neither.

    `etag` is taken from the model where it has one. A page may load and run nothing.
    """

    model: BaseModel | None = None
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    page: str | None = None


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the route table: a function, and what the OpenAPI document says about it.

    Attributes:
        roles: Who may call; None is anybody.
        status: The answer's status when all goes well.
        takes_if_match: Whether a stale `If-Match` is refused.
        takes_key: Whether a request with an `Idempotency-Key` that comes again gets the first answer again.
            Never where answers hold a secret.
        answers_with_page: Whether the answer is a page for a person's browser.
        takes_head: Whether a GET may come as HEAD: not where it uses something up.
        needs_runtime: False for what must answer even while nothing else works.
    """

    name: str
    method: str
    path: str
    summary: str
    handler: Handler
    roles: frozenset[Role] | None
    answer: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    query: type[BaseModel] = NoQuery
    status: HTTPStatus = HTTPStatus.OK
    takes_if_match: bool = False
    takes_key: bool = False
    answers_with_page: bool = False
    takes_head: bool = True
    needs_runtime: bool = True


def register_routes(app: FunctionApp, routes: Iterable[Route]) -> None:
    """Register one function for each route."""
    for route in routes:
        methods = ["GET", "HEAD"] if route.method == "GET" and route.takes_head else [route.method]
        decorate = app.route(route=route.path, methods=methods, auth_level=AuthLevel.ANONYMOUS)
        function = decorate(_function(route))
        app.function_name(route.name)(function)


async def serve(route: Route, request: HttpRequest) -> HttpResponse:
    """Answer one request; whatever goes wrong becomes problem details."""
    request_id = _request_id(request)
    with log_context(request_id=request_id, operation=route.name):
        try:
            return await _handled(route, request, request_id)
        except Exception as error:  # noqa: BLE001 - the edge: nothing may leave without a request id
            return problem_response(error, request_id)


def _function(route: Route) -> Callable[[HttpRequest], Awaitable[HttpResponse]]:
    async def function(req: HttpRequest) -> HttpResponse:
        answer = await serve(route, req)
        bootstrap.warm_up()
        return answer

    function.__name__ = function.__qualname__ = route.name
    function.__doc__ = route.summary
    return function


async def _handled(route: Route, request: HttpRequest, request_id: str) -> HttpResponse:
    runtime = await bootstrap.runtime() if route.needs_runtime else None
    caller = None
    if runtime and route.roles is not None:
        caller = await identify(runtime.tokens, request.headers)
        if not caller.roles & route.roles:
            raise ForbiddenError(f"This needs one of the roles {', '.join(sorted(route.roles))}.")
    call = Call(
        caller=caller,
        request_id=request_id,
        path=dict(request.route_params),
        if_match=_if_match(request),
        parsed_query=parse_query(route.query, request.params),
        parsed_body=parse_body(route.body, request.get_body()) if route.body else None,
        opened=runtime,
        headers=request.headers,
    )
    with log_context(
        tenant_id=caller.tenant_id if caller else None, user_id=caller.user_id if caller else None
    ):
        key = idempotency_key(request.headers) if route.takes_key else None
        if key is None:
            return _response(await route.handler(call), request_id)
        return await _answered_once(route, call, key, request.get_body())


async def _answered_once(route: Route, call: Call, key: str, body: bytes) -> HttpResponse:
    async def attempt(claimed: KeyedRequest) -> HttpResponse:
        own = replace(call, object_id=claimed.object_id, repeated=claimed.attempts > 1)
        return _response(await route.handler(own), call.request_id)

    user, tenant_id = (call.caller.user_id, call.caller.tenant_id) if call.caller else ("", None)
    told = (user, route.name, call.if_match or "", *call.path.values())
    parts = (*(part.encode() for part in told), body)
    keyed = Keyed(key, tenant_id, parts, call.request_id)
    return await answered_once(call.runtime.idempotency_keys, keyed, attempt)


def _response(answer: Answer, request_id: str) -> HttpResponse:
    headers = {"X-Request-Id": request_id, "Cache-Control": "no-store", **answer.headers}
    if answer.page is not None:
        headers = {**_PAGE_HEADERS, **headers}
        return HttpResponse(answer.page, status_code=answer.status, headers=headers, mimetype="text/html")
    if answer.model is None:
        return HttpResponse(status_code=answer.status, headers=headers)
    etag = getattr(answer.model, "etag", None)
    if etag:
        headers["ETag"] = f'"{etag}"'
    return HttpResponse(
        answer.model.model_dump_json(by_alias=True),
        status_code=answer.status,
        headers=headers,
        mimetype="application/json",
    )


def _request_id(request: HttpRequest) -> str:
    """Take the caller's request id over if it is a sensible one, else make one."""
    given = request.headers.get("X-Request-Id", "")
    sensible = (
        0 < len(given) <= _MAX_REQUEST_ID
        and given.isascii()
        and given.replace("-", "").replace("_", "").isalnum()
    )
    return given if sensible else uuid.uuid4().hex


def _if_match(request: HttpRequest) -> str | None:
    """Return the ETag of `If-Match` (RFC 9110, section 13.1.1).

    `*` only asks for the object to exist, as every change does. A weak tag never matches, so it stays marked.
    """
    given = request.headers.get("If-Match", "").strip()
    if "," in given:
        raise MalformedRequestError("If-Match: send the one ETag that you read.")
    return given.removeprefix('"').removesuffix('"') if given and given != "*" else None


def _declared(value: BaseModel | None, model: type[M]) -> M:
    if not isinstance(value, model):
        raise TypeError(f"The route does not declare {model.__name__}.")
    return value
