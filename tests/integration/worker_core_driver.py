"""Runs Microsoft's worker core over a function app as the Azure host would, in a process of its own.

Usage: python worker_core_driver.py FOLDER_OF_THE_APP
Prints one JSON object: the functions that the worker indexed, how one invocation of each trigger ended, and
the app's lines that came to the root logger's handler, which the worker sends to the host.

The core speaks in protobuf messages, but takes the module of their classes as an argument: records with the
same field names do.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as worker  # type: ignore[import-not-found, import-untyped, unused-ignore]
from azure.functions.meta import Datum

from devhost.message_datum import message_datum
from shared.ports.queue import ReceivedMessage

TIMER, QUEUE, ROUTE = "TokenRefresher", "DeadLetterProcessor", "health/live"


class Record(SimpleNamespace):
    """A message: fields that are not set are None, as far as the core looks."""

    def __getattr__(self, name: str) -> None:
        return None


class TypedData(SimpleNamespace):
    def WhichOneof(self, group: str) -> str:  # noqa: N802 - protobuf's name
        del group
        return next(iter(vars(self)))


class ParameterBinding(SimpleNamespace):
    def WhichOneof(self, group: str) -> str:  # noqa: N802 - protobuf's name
        del group
        return "data"


class StatusResult(Record):
    Failure, Success = 0, 1


class BindingInfo(Record):
    undefined, out, inout = 0, 1, 2


def _plain(name: str) -> type[Record]:
    return type(name, (Record,), {})


PROTOS = SimpleNamespace(
    TypedData=TypedData,
    ParameterBinding=ParameterBinding,
    StatusResult=StatusResult,
    BindingInfo=BindingInfo,
    **{
        name: _plain(name)
        for name in (
            *("WorkerInitResponse", "WorkerMetadata", "FunctionMetadataResponse", "RpcFunctionMetadata"),
            *("InvocationResponse", "RpcException", "RpcHttp", "RpcHttpCookie"),
        )
    },
)


async def run(folder: str) -> dict[str, Any]:
    """Index the app, then invoke its health probe, its timer and its queue function."""
    init = SimpleNamespace(capabilities={}, function_app_directory=folder)
    properties = {"host": "127.0.0.1", "protos": PROTOS}
    answer = await worker.worker_init_request(
        SimpleNamespace(request=SimpleNamespace(worker_init_request=init), properties=properties)
    )
    if answer.result.status != StatusResult.Success:
        return {"error": answer.result.exception.stack_trace}
    indexed = (await worker.functions_metadata_request(None)).function_metadata_results
    probe = next(found for found in indexed if any(f'"{ROUTE}"' in raw for raw in found.raw_bindings))
    by_name = {found.name: found for found in indexed}
    body, metadata = message_datum(_dead_letter())
    return {
        "functions": sorted(by_name),
        "http": await _invoke(probe, _typed(_request()), {}),
        "timer": await _invoke(by_name[TIMER], TypedData(json='{"IsPastDue": false}'), {}),
        "queue": await _invoke(by_name[QUEUE], _typed(body), metadata),
    }


async def _invoke(function: Any, data: TypedData, metadata: dict[str, Datum]) -> dict[str, Any]:
    bindings = [json.loads(raw) for raw in function.raw_bindings]
    trigger = next(binding["name"] for binding in bindings if binding["type"].endswith("Trigger"))
    request = SimpleNamespace(
        invocation_id=str(uuid.uuid4()),
        function_id=function.function_id,
        input_data=[ParameterBinding(name=trigger, data=data)],
        trigger_metadata={name: _typed(datum) for name, datum in metadata.items()},
        trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
        retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
    )
    answer = await worker.invocation_request(
        SimpleNamespace(request=SimpleNamespace(invocation_request=request))
    )
    if answer.result.status != StatusResult.Success:
        return {"error": answer.result.exception.stack_trace}
    http = getattr(answer.return_value, "http", None)
    return {"statusCode": http.status_code, "body": http.body.bytes.decode()} if http else {}


def _typed(datum: Datum) -> TypedData:
    value = datum.value if datum.type != "http" else SimpleNamespace(**datum.value)
    return TypedData(**{str(datum.type): value})


def _request() -> Datum:
    url = f"http://localhost/api/{ROUTE}"
    empty = TypedData(bytes=b"")
    return Datum(
        {"method": "GET", "url": url, "headers": {}, "params": {}, "query": {}, "body": empty}, "http"
    )


def _dead_letter() -> ReceivedMessage:
    now = datetime.now(UTC)
    return ReceivedMessage(
        body=b"{}",
        message_id="dead-1",
        session_id=None,
        properties={"tenantId": "acme"},
        sequence_number=1,
        delivery_count=1,
        enqueued_at=now,
        expires_at=now + timedelta(days=14),
        locked_until=now + timedelta(minutes=5),
        lock_token=str(uuid.uuid4()),
        dead_letter_reason="MaxDeliveryCountExceeded",
        dead_letter_description="delivered 10 times",
    )


class WorkersHandler(logging.Handler):
    """Like the worker's own: formats without a format, and keeps level, logger and message."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelname, record.name, self.format(record)))


async def _main(folder: str) -> None:
    handler = WorkersHandler()
    logging.getLogger().addHandler(handler)
    try:
        outcome = await run(folder)
        lines = [line for line in handler.lines if line[1].startswith("castiel")]
        sys.stdout.write(json.dumps({**outcome, "lines": lines}))
    finally:
        if bootstrap := sys.modules.get("shared.bootstrap"):
            await bootstrap.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
