"""What the document suites share: tenants of their own, and queries followed to their end."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from shared.ports.documents import Document, DocumentStore, Query


def new_tenant() -> str:
    """A tenant that nobody else uses: a backend may keep its documents from test to test."""
    return f"tenant-{uuid4().hex}"


async def pages(store: DocumentStore, container: str, query: Query) -> list[tuple[Document, ...]]:
    """Follow a query to its end."""
    found = []
    while True:
        page = await store.query(container, query)
        found.append(page.items)
        if page.continuation is None:
            return found
        assert page.continuation != query.continuation, "the pages go round in a circle"
        query = replace(query, continuation=page.continuation)


async def every(store: DocumentStore, container: str, query: Query) -> list[Document]:
    return [document for page in await pages(store, container, query) for document in page]


async def found_ids(store: DocumentStore, container: str, query: Query) -> list[str]:
    return [document.body["id"] for document in await every(store, container, query)]
