"""How every document store cuts its answers into pages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.errors import InvalidRequestError
from shared.ports.documents import Delete, DocumentStore, Op, Put, Query, Where
from tests.contract.document_reading import pages

pytest_plugins = ["tests.contract.document_backends"]

STATUS, NEXT = "status", "nextSyncAt"


@pytest.mark.parametrize("limit", [0, -1, 1_001])
async def test_the_limit_has_bounds(documents: DocumentStore, tenant: str, limit: int) -> None:
    """A page holds 1 to 1,000 documents."""
    with pytest.raises(InvalidRequestError):
        await documents.query("integrations", Query((tenant,), limit=limit))


async def test_pages_end_with_the_last_document(documents: DocumentStore, tenant: str) -> None:
    """The last page has no continuation, even when it is full, and nothing found is one empty page."""
    await documents.write_many(
        "tenants", (tenant,), [Put({"id": f"{n}", "tenantId": tenant}) for n in range(6)]
    )

    lengths = [len(page) for page in await pages(documents, "tenants", Query((tenant,), limit=3))]

    assert lengths == [3, 3]
    assert await pages(documents, "tenants", Query((f"{tenant}x",), limit=3)) == [()]


async def test_the_largest_page_comes_whole(documents: DocumentStore, tenant: str) -> None:
    """A page of the largest limit is filled."""
    writes = [Put({"id": f"{number:04}", "tenantId": tenant}) for number in range(1_001)]
    await documents.write_many("tenants", (tenant,), writes)

    lengths = [len(page) for page in await pages(documents, "tenants", Query((tenant,), limit=1_000))]

    assert lengths == [1_000, 1]


async def test_paging_survives_changes(documents: DocumentStore, tenant: str) -> None:
    """What stays unchanged appears exactly once while others are added, moved and removed between pages."""
    writes = [Put({"id": f"{n:02}", "tenantId": tenant, STATUS: "x", NEXT: n // 4}) for n in range(24)]
    await documents.write_many("integrations", (tenant,), writes)
    query: Query | None = Query((tenant,), (Where(STATUS, Op.EQ, "x"),), NEXT, limit=3)
    seen: list[str] = []

    while query is not None:
        page = await documents.query("integrations", query)
        seen += [document.body["id"] for document in page.items]
        await documents.write_many(
            "integrations",
            (tenant,),
            [
                Delete(f"{len(seen):02}"),
                Put({"id": seen[-1], "tenantId": tenant, STATUS: "x", NEXT: -1}),
                Put({"id": f"new-{len(seen)}", "tenantId": tenant, STATUS: "x", NEXT: 0}),
            ],
        )
        query = replace(query, continuation=page.continuation) if page.continuation else None

    original = [document_id for document_id in seen if not document_id.startswith("new-")]
    assert len(set(original)) == len(original)
    deleted = {f"{number:02}" for number in range(24)} - set(original)
    found = await documents.read_many("integrations", (tenant,), sorted(deleted))
    assert not found


async def test_a_continuation_belongs_to_its_query(documents: DocumentStore, tenant: str) -> None:
    """A token taken to any other query, or container, is refused."""
    await documents.write_many(
        "alerts", (tenant,), [Put({"id": f"{n}", "tenantId": tenant}) for n in range(3)]
    )
    query = Query((tenant,), limit=1)
    token = (await documents.query("alerts", query)).continuation
    others = [
        replace(query, partition=(f"{tenant}x",)),
        replace(query, descending=True),
        replace(query, order_by=STATUS),
        replace(query, where=(Where(STATUS, Op.EQ, "1"),)),
        replace(query, where=(Where(STATUS, Op.EQ, 1),)),
        replace(query, sweep=True),
    ]

    assert token is not None
    for other in others:
        with pytest.raises(InvalidRequestError):
            await documents.query("alerts", replace(other, continuation=token))
    with pytest.raises(InvalidRequestError):
        await documents.query("integrations", replace(query, continuation=token))


async def test_a_mangled_continuation_is_refused(documents: DocumentStore, tenant: str) -> None:
    """Tokens that were cut, extended or made up are refused, never misread."""
    await documents.write_many(
        "alerts", (tenant,), [Put({"id": f"{n}", "tenantId": tenant}) for n in range(3)]
    )
    token = (await documents.query("alerts", Query((tenant,), limit=1))).continuation
    assert token is not None

    for mangled in ("", "é", "%%%", token[:-5], token[5:], f"{token}x", token[::-1], "bnVsbA==", "W10="):
        with pytest.raises(InvalidRequestError):
            await documents.query("alerts", Query((tenant,), limit=1, continuation=mangled))
