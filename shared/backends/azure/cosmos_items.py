"""Requests for single items, and what the service's answers hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from azure.core import MatchConditions
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import (
    CosmosBatchOperationError,
    CosmosResourceNotFoundError,
)

from shared.backends.azure.cosmos_batches import BatchFailed, Operation, sendable_etag
from shared.domain.errors import StaleWriteError
from shared.ports.documents import Delete, Document, Put

_SYSTEM_FIELDS = frozenset({"_rid", "_self", "_etag", "_attachments", "_ts", "_lsn"})

_OWNER_NOT_FOUND = 1003
"""The sub-status of a 404 that is about the container, not the item."""


def document(item: Mapping[str, Any]) -> Document:
    """Return an item without the service's own fields."""
    body = {name: value for name, value in item.items() if name not in _SYSTEM_FIELDS}
    return Document(body, item["_etag"])


async def read_item(proxy: ContainerProxy, key: Any, document_id: str) -> Document | None:
    """Return an item by a point read, or None."""
    try:
        return document(await proxy.read_item(document_id, partition_key=key))
    except CosmosResourceNotFoundError as error:
        _check_owner(error)
        return None


async def write_item(proxy: ContainerProxy, operation: Operation) -> str:
    """Write one item and return its ETag.

    Raises:
        StaleWriteError: The item with the ETag is gone.
    """
    kind, arguments, _ = operation.as_sdk()
    if kind == "create":
        answer = await proxy.create_item(*arguments, no_response=True)
    elif kind == "upsert":
        answer = await proxy.upsert_item(*arguments, no_response=True)
    else:
        try:
            answer = await proxy.replace_item(*arguments, no_response=True, **_condition(operation.write))
        except CosmosResourceNotFoundError as error:
            _check_owner(error)
            raise StaleWriteError("The document that was read is gone.") from error
    return str(answer.get_response_headers()["etag"])


async def delete_item(proxy: ContainerProxy, key: Any, removal: Delete) -> bool:
    """Remove one item; False if it was not there."""
    try:
        await proxy.delete_item(removal.id, partition_key=key, **_condition(removal))
    except CosmosResourceNotFoundError as error:
        _check_owner(error)
        return False
    return True


async def send_batch(proxy: ContainerProxy, key: Any, batch: Sequence[Operation]) -> list[str | None]:
    """Apply operations, all or none, and return an ETag for each that wrote.

    Raises:
        BatchFailed: One of them failed.
    """
    try:
        answers = await proxy.execute_item_batch(
            [operation.as_sdk() for operation in batch], partition_key=key, no_response=True
        )
    except CosmosBatchOperationError as error:
        raise BatchFailed.of(error) from error
    return [answer.get("eTag") for answer in answers]


def _condition(write: Put | Delete) -> dict[str, Any]:
    if write.if_match is None:
        return {}
    return {"etag": sendable_etag(write.if_match), "match_condition": MatchConditions.IfNotModified}


def _check_owner(error: CosmosResourceNotFoundError) -> None:
    """Pass where it is the item that isn't there; raise where it is the container."""
    if error.sub_status == _OWNER_NOT_FOUND:
        raise error
