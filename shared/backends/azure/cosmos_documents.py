"""The document store in Azure Cosmos DB."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Self

from azure.cosmos.aio import ContainerProxy

from shared.backends.azure.cosmos_batches import BatchFailed, Operation, fits_batch, prepare
from shared.backends.azure.cosmos_changes import read_changes
from shared.backends.azure.cosmos_client import DEFAULT_OPTIONS, CosmosConnection, CosmosOptions, Credential
from shared.backends.azure.cosmos_errors import CONFLICT, STALE
from shared.backends.azure.cosmos_items import delete_item, document, read_item, send_batch, write_item
from shared.backends.azure.cosmos_query import Parameters, Search, by_ids, value_at
from shared.backends.azure.cosmos_ranges import key_of, scopes
from shared.backends.azure.cosmos_writes import BatchWriter
from shared.backends.document_rules import check_partition, is_identifier, partition_of
from shared.backends.query_rules import (
    check_changes,
    check_query,
    open_continuation,
    open_stream_place,
    seal_continuation,
    seal_stream_place,
)
from shared.domain.containers import CONTAINERS, Container
from shared.domain.errors import (
    AlreadyExistsError,
    ConfigurationError,
    DocumentTooLargeError,
    StaleWriteError,
)
from shared.ports.clock import Clock
from shared.ports.documents import (
    MAX_DOCUMENT_BYTES,
    Changes,
    Delete,
    Document,
    JsonObject,
    Page,
    Partition,
    Put,
    Query,
    Scalar,
    Write,
    WriteResult,
)

IDS_PER_QUERY = 1_000
"""So many ids go into one look-up; one answer of the service holds at most as many documents, or 4 MB."""


class CosmosDocumentStore:
    """`DocumentStore` over one database of a Cosmos DB account. Make it with `open`, end it with `close`.

    It never repeats a write whose answer was lost: the caller gets UnavailableError and decides. The
    account's consistency must be Strong: what any process wrote, every process reads.
    """

    def __init__(
        self, connection: CosmosConnection, clock: Clock, containers: Mapping[str, Container] = CONTAINERS
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._containers = containers

    @classmethod
    async def open(
        cls,
        endpoint: str,
        credential: Credential,
        database: str,
        clock: Clock,
        *,
        containers: Mapping[str, Container] = CONTAINERS,
        options: CosmosOptions = DEFAULT_OPTIONS,
    ) -> Self:
        """Connect to an account whose database and containers are there (`cosmos_provision` makes them).

        Raises:
            UnavailableError: The account does not answer.
            ConfigurationError: The credential is not accepted.
        """
        connection = await CosmosConnection.open(endpoint, credential, database, options)
        return cls(connection, clock, containers)

    async def close(self) -> None:
        """Close the connections; again and again does no harm."""
        await self._connection.close()

    async def get(self, container: str, partition: Partition, document_id: str) -> Document | None:
        """Return one document by its full partition and id, or None, by a point read."""
        declared = self._declared(container)
        check_partition(declared, partition)
        if not is_identifier(document_id):
            return None
        proxy = await self._connection.container(container)
        return await self._connection.call(partial(read_item, proxy, key_of(partition), document_id))

    async def read_many(
        self,
        container: str,
        partition: Partition,
        document_ids: Sequence[str],
        fields: Sequence[str] | None = None,
    ) -> Mapping[str, Document]:
        """Return those of the documents that exist, by id: a request for each thousand of them."""
        declared = self._declared(container)
        check_partition(declared, partition)
        ids = [document_id for document_id in dict.fromkeys(document_ids) if is_identifier(document_id)]
        proxy = await self._connection.container(container)
        chunks = [ids[start : start + IDS_PER_QUERY] for start in range(0, len(ids), IDS_PER_QUERY)]
        scope = {"partition_key": key_of(partition)}
        found = await asyncio.gather(
            *(
                self._rows(proxy, scope, by_ids(declared, partition, chunk, fields), len(chunk))
                for chunk in chunks
            )
        )
        rows = [row for part in found for row in part]
        if fields is None:
            return {row["id"]: document(row) for row in rows}
        return {row["id"]: Document({name: row.get(name) for name in fields}, row["_etag"]) for row in rows}

    async def changes(
        self, container: str, partition: Partition, since: str | None = None, limit: int = 50
    ) -> Changes:
        """Return documents in the order of their last writes, from the change feed (latest versions).

        Documents that one batch wrote come together, even if they exceed the limit; and where a prefix is
        spread over several physical partitions, the order holds within each of them.
        """
        declared = self._declared(container)
        check_changes(declared, partition, limit)
        place = None if since is None else open_stream_place(declared, partition, since, str)
        proxy = await self._connection.container(container)
        rows, following = await self._connection.call(
            partial(read_changes, proxy, key_of(partition), place, limit)
        )
        return Changes(tuple(map(document, rows)), seal_stream_place(declared, partition, following))

    async def put(
        self, container: str, body: JsonObject, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        """Write one document and return its new ETag. The errors are the port's."""
        declared = self._declared(container)
        partition = partition_of(declared, body)
        (prepared,) = prepare(declared, partition, [Put(body, if_match=if_match, if_absent=if_absent)])
        if isinstance(prepared, WriteResult):
            raise DocumentTooLargeError(f"A document holds at most {MAX_DOCUMENT_BYTES} bytes of JSON.")
        proxy = await self._connection.container(container)
        return await self._connection.call(partial(write_item, proxy, prepared))

    async def delete(
        self, container: str, partition: Partition, document_id: str, *, if_match: str | None = None
    ) -> bool:
        """Remove one document; False if it was not there. StaleWriteError: it is another version."""
        declared = self._declared(container)
        check_partition(declared, partition)
        if not is_identifier(document_id):
            return False
        proxy = await self._connection.container(container)
        removal = Delete(document_id, if_match=if_match)
        return await self._connection.call(partial(delete_item, proxy, key_of(partition), removal))

    async def write_many(
        self, container: str, partition: Partition, writes: Sequence[Write]
    ) -> Sequence[WriteResult]:
        """Write many documents of one partition in batches and return a result for each, in order.

        Batches of 100 are atomic each; of a crash in between, some remain.
        """
        declared = self._declared(container)
        check_partition(declared, partition)
        prepared = prepare(declared, partition, writes)
        proxy = await self._connection.container(container)

        async def send(batch: Sequence[Operation]) -> Sequence[str | None]:
            if fits_batch(batch[0]):
                return await self._connection.call(partial(send_batch, proxy, key_of(partition), batch))
            return [await self._write_alone(proxy, batch[0])]

        async def read_etags(ids: Sequence[str]) -> Mapping[str, str]:
            found = await self.read_many(container, partition, ids, ())
            return {document_id: stored.etag for document_id, stored in found.items()}

        return await BatchWriter(send, read_etags, self._clock).write(prepared)

    async def query(self, container: str, query: Query) -> Page:
        """Return one page of the documents that match; `query_rules.fitting_index` says which queries fit.

        One request to each physical partition that the query spans; two or three where the page ends among
        documents that are equal in the order.
        """
        declared = self._declared(container)
        check_query(declared, query)
        search = Search(declared, query, open_continuation(declared, query))
        proxy = await self._connection.container(container)
        rows = await self._page(declared, proxy, query, search)
        items = tuple(document(row) for row in rows[: query.limit])
        if len(rows) <= query.limit:
            return Page(items, None)
        return Page(items, seal_continuation(declared, query, search.place(items[-1].body)))

    async def _write_alone(self, proxy: ContainerProxy, operation: Operation) -> str:
        """Write a document that leaves no room in a batch for anything else; fail as a batch would."""
        try:
            return await self._connection.call(partial(write_item, proxy, operation))
        except AlreadyExistsError as error:
            raise BatchFailed(0, CONFLICT) from error
        except StaleWriteError as error:
            raise BatchFailed(0, STALE) from error

    async def _page(
        self, declared: Container, proxy: ContainerProxy, query: Query, search: Search
    ) -> list[JsonObject]:
        """Return a page's documents, and one more if there is one.

        The service orders by one field, and documents that are equal there come in an order of its own. Where
        a page would end among equal ones, those are fetched by the next key instead.
        """
        parts = await self._connection.call(partial(scopes, declared, proxy, query.partition))
        found: list[JsonObject] = []
        equal: dict[str, Scalar] = {}
        for key in search.keys:
            need = query.limit + 1 - len(found)
            statement = search.statement(key, equal)
            answers = await asyncio.gather(*(self._rows(proxy, part, statement, need) for part in parts))
            rows = [row for answer in answers for row in answer]
            rows = sorted(rows, key=search.rank, reverse=query.descending)[:need]
            if len(rows) < need or value_at(rows[-1], key) != value_at(rows[-2], key):
                return found + rows
            equal[key] = value_at(rows[-1], key)
            found += [row for row in rows if value_at(row, key) != equal[key]]
        raise AssertionError("two documents have one key")

    async def _rows(
        self,
        proxy: ContainerProxy,
        scope: Mapping[str, Any],
        statement: tuple[str, Parameters],
        limit: int,
    ) -> list[JsonObject]:
        """Return the first rows that a statement finds in a part of the container."""
        sql, parameters = statement

        async def fetch() -> list[JsonObject]:
            rows: list[JsonObject] = []
            # The service may cut its pages shorter; then the SDK asks on.
            async for row in proxy.query_items(sql, parameters=parameters, max_item_count=limit, **scope):
                rows.append(row)
                if len(rows) == limit:
                    break
            return rows

        return await self._connection.call(fetch)

    def _declared(self, name: str) -> Container:
        if name not in self._containers:
            raise ConfigurationError(f"The container {name} is not declared in shared/domain/containers.py.")
        return self._containers[name]
