"""The double as a server on 127.0.0.1, over plain HTTP."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import orjson
from aiohttp import web

from shared.ports.clock import Clock
from tests.doubles.cosmos.account import Account
from tests.doubles.cosmos.budget import Budget
from tests.doubles.cosmos.call import Answer, Call
from tests.doubles.cosmos.counters import Counters
from tests.doubles.cosmos.documents import Documents
from tests.doubles.cosmos.errors import CODES, Refused
from tests.doubles.cosmos.faults import Fault, Faults
from tests.doubles.observed import saw

HOST = "127.0.0.1"
MOST_THAT_IS_READ = 16 * 1024 * 1024
REFUSAL_CHARGE = 1.0


class CosmosDouble:
    """Azure Cosmos DB in memory, strict, for tests: `async with CosmosDouble(clock) as cosmos: ...`.

    Args:
        clock: Gives `_ts`, expiry, delays and the budget's time.
        port: 0 for a free one; it stays the same over `refuse_connections` and `accept_connections`.
        splits: Effective partition keys at which containers are split into physical partitions.
        units_per_second: Request units per second before 429; None for no limit.

    Attributes:
        faults: What the next requests shall meet.
        counters: What was asked, what it cost.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        port: int = 0,
        splits: tuple[str, ...] = (),
        units_per_second: float | None = None,
    ) -> None:
        self.faults = Faults()
        self.counters = Counters()
        self._clock = clock
        self._port = port
        self._account = Account(clock.now, splits)
        self._documents = Documents(self._account)
        self._budget = Budget(units_per_second, clock) if units_per_second else None
        self._runner: web.ServerRunner | None = None

    @property
    def endpoint(self) -> str:
        """The address for `CosmosClient`."""
        return f"http://{HOST}:{self._port}/"

    @property
    def is_listening(self) -> bool:
        """False while connections are refused."""
        return self._runner is not None

    def stored(self, container: str) -> list[dict[str, Any]]:
        """Return what a container holds, past every fault, in no order."""
        return self._account.bodies(container)

    async def __aenter__(self) -> Self:
        await self.accept_connections()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.refuse_connections()

    async def accept_connections(self) -> None:
        """Listen, with everything that was stored before."""
        server = web.Server(self._serve, request_factory=_request, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def refuse_connections(self) -> None:
        """Stop listening and cut what is connected; nothing that is stored is lost."""
        self.faults.clear()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        saw("Cosmos DB", body)
        call = Call.of(request.method, request.raw_path, request.headers, body)
        kind = call.kind
        self.counters.requests[kind] += 1
        fault = self.faults.next(kind, call.container)
        if fault is not None and not fault.applied:
            await self._before(fault)
        if fault is not None and fault.cut and not fault.applied:
            return _cut(request)
        answer = self._answer(call, fault)
        if fault is not None and fault.cut:
            return _cut(request)
        self.counters.answered(kind, answer.status, answer.charge)
        return _response(call, answer)

    async def _before(self, fault: Fault) -> None:
        if fault.held is not None:
            await fault.held.wait()
        if fault.seconds:
            await self._clock.sleep(fault.seconds)

    def _answer(self, call: Call, fault: Fault | None) -> Answer:
        try:
            if fault is not None and fault.refusal is not None and not fault.applied:
                raise fault.refusal
            answer = self._admitted(call)
            if fault is not None and fault.refusal is not None:
                raise fault.refusal
        except Refused as refused:
            return _refusal(refused)
        return answer

    def _admitted(self, call: Call) -> Answer:
        if not call.headers.get("Authorization"):
            raise Refused(401, "Required Header authorization is missing.")
        limited = self._budget is not None and call.kind != "metadata"
        if self._budget is not None and limited:
            self._budget.admit()
        if call.path[4:5] == ("docs",):
            answer = self._documents.answer(call)
        else:
            answer = self._account.answer(call, self.endpoint)
        if self._budget is not None and limited:
            self._budget.charge(answer.charge)
        if answer.writes and call.container is not None:
            self.counters.writes[call.container] += answer.writes
        return answer


def _request(*parts: Any) -> web.BaseRequest:
    message, payload, protocol, writer, task = parts
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MOST_THAT_IS_READ)


def _cut(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _refusal(refused: Refused) -> Answer:
    body = orjson.dumps({"code": CODES.get(refused.status, "Error"), "message": refused.message})
    headers = {"x-ms-substatus": str(refused.substatus), **refused.headers}
    return Answer(refused.status, body, 0.0 if refused.status == 429 else REFUSAL_CHARGE, headers)


def _response(call: Call, answer: Answer) -> web.Response:
    headers = {
        "x-ms-request-charge": str(answer.charge),
        "x-ms-activity-id": call.headers.get("x-ms-activity-id") or str(uuid4()),
        "x-ms-version": call.headers.get("x-ms-version", ""),
        **answer.headers,
    }
    if answer.body:
        headers["Content-Type"] = "application/json"
    return web.Response(status=answer.status, body=answer.body or None, headers=headers)
