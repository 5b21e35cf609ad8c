"""Transactional batches: all operations of one partition, or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from tests.doubles.cosmos import item_operations as operations
from tests.doubles.cosmos.container import Container
from tests.doubles.cosmos.errors import Refused, bad_request, too_large
from tests.doubles.cosmos.item_operations import Result
from tests.doubles.cosmos.partition_keys import Key

MAX_OPERATIONS = 100
MAX_BYTES = 2 * 1024 * 1024
"""Of the request (Microsoft: "Transactional batch operations", limits)."""
FAILED_DEPENDENCY = 424


@dataclass(frozen=True)
class BatchResult:
    """The answers in the order of the operations.

    Attributes:
        status: 200, or 207 if nothing was applied because one failed.
        writes: How many were applied.
    """

    status: int
    charge: float
    writes: int
    body: bytes


def run(container: Container, key: Key, requested: Any, size: int, *, minimal: bool) -> BatchResult:
    """Apply every operation, or none of them.

    Raises:
        Refused: 400 or 413 of the batch as a whole.
    """
    if not isinstance(requested, list) or not requested:
        raise bad_request("A batch needs operations.")
    if len(requested) > MAX_OPERATIONS:
        raise bad_request("Batch request has more operations than what is supported.")
    if size > MAX_BYTES:
        raise too_large("Request size is too large")
    before = container.snapshot([(key, _name(operation)) for operation in requested])
    results: list[Result] = []
    for operation in requested:
        try:
            results.append(_run_one(container, key, operation))
        except Refused as refused:
            container.restore(before)
            return _failed(results, refused, len(requested))
    return _done(requested, results, minimal=minimal)


def _name(operation: Any) -> str:
    if not isinstance(operation, dict):
        raise bad_request("A batch's operation is not an object.")
    body = operation.get("resourceBody")
    name = operation.get("id", body.get("id") if isinstance(body, dict) else None)
    return name if isinstance(name, str) else ""


def _run_one(container: Container, key: Key, operation: dict[str, Any]) -> Result:
    kind, name = operation.get("operationType"), _name(operation)
    body, if_match = operation.get("resourceBody"), operation.get("ifMatch")
    if kind == "Read":
        return operations.read(container, key, name, unless_match=operation.get("ifNoneMatch"))
    if kind == "Delete":
        return operations.delete(container, key, name, if_match=if_match)
    if not isinstance(body, dict):
        raise bad_request("The operation has no resourceBody.")
    size = len(orjson.dumps(body))
    if kind == "Create":
        return operations.create(container, key, body, size)
    if kind == "Upsert":
        return operations.upsert(container, key, body, size, if_match=if_match)
    if kind == "Replace":
        return operations.replace(container, key, name, body, size, if_match=if_match)
    if kind == "Patch":
        return operations.patch(container, key, name, body, if_match=if_match)
    raise bad_request(f"A batch can't do {kind!r}.")


def _failed(done: list[Result], refused: Refused, total: int) -> BatchResult:
    answers: list[dict[str, float]] = [
        {"statusCode": FAILED_DEPENDENCY, "requestCharge": 0} for _ in range(total)
    ]
    answers[len(done)] = {
        "statusCode": refused.status,
        "subStatusCode": refused.substatus,
        "requestCharge": 1.0,
    }
    charge = sum(result.charge for result in done) + 1.0
    return BatchResult(207, round(charge, 2), 0, orjson.dumps(answers))


def _done(requested: list[Any], results: list[Result], *, minimal: bool) -> BatchResult:
    answers = []
    for operation, result in zip(requested, results, strict=True):
        answer: dict[str, Any] = {"statusCode": result.status, "requestCharge": result.charge}
        if result.etag is not None:
            answer["eTag"] = result.etag
        if result.item is not None and not (minimal and operation["operationType"] != "Read"):
            answer["resourceBody"] = orjson.Fragment(result.item.raw)
        answers.append(answer)
    writes = sum(operation["operationType"] != "Read" for operation in requested)
    charge = round(sum(result.charge for result in results), 2)
    return BatchResult(200, charge, writes, orjson.dumps(answers))
