"""When documents of every store expire."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.containers import CONTAINERS
from shared.domain.errors import InvalidRequestError, StaleWriteError
from shared.ports.documents import Delete, DocumentStore, JsonObject, Put, Query
from tests.contract.document_reading import found_ids
from tests.fakes.clock import FakeClock

pytest_plugins = ["tests.contract.document_backends"]

KEEPS, OWN, DEFAULT = "connections", "alerts", "idempotency-keys"
DAY_SECONDS = 86_400


def document(tenant: str, **fields: Any) -> JsonObject:
    return {"id": "d", "tenantId": tenant, **fields}


def test_the_containers_stand_for_the_three_kinds() -> None:
    """The containers used below have no TTL, their documents' own one, and a default of a day."""
    assert [CONTAINERS[name].default_ttl for name in (KEEPS, OWN, DEFAULT)] == [None, -1, DAY_SECONDS]


@pytest.mark.parametrize(
    ("container", "ttl", "lifetime_seconds"),
    [
        (KEEPS, {}, None),
        (KEEPS, {"ttl": 5}, None),
        (OWN, {}, None),
        (OWN, {"ttl": -1}, None),
        (OWN, {"ttl": 5}, 5),
        (DEFAULT, {}, DAY_SECONDS),
        (DEFAULT, {"ttl": 5}, 5),
        (DEFAULT, {"ttl": 2 * DAY_SECONDS}, 2 * DAY_SECONDS),
        (DEFAULT, {"ttl": -1}, None),
    ],
)
async def test_a_document_lives_as_declared(
    documents: DocumentStore,
    document_clock: FakeClock,
    tenant: str,
    container: str,
    ttl: dict[str, Any],
    lifetime_seconds: int | None,
) -> None:
    """The container decides whether documents expire, and a document's own ttl when."""
    await documents.put(container, document(tenant, **ttl))

    document_clock.advance((lifetime_seconds or 1_000 * DAY_SECONDS) - 1)
    assert await documents.get(container, (tenant,), "d") is not None
    document_clock.advance(1)

    expected = [] if lifetime_seconds else ["d"]
    assert list(await documents.read_many(container, (tenant,), ["d"])) == expected
    assert await found_ids(documents, container, Query((tenant,))) == expected
    assert (await documents.get(container, (tenant,), "d") is None) == (lifetime_seconds is not None)


@pytest.mark.parametrize("ttl", [0, -2, 1.5, "60", True, None, 2**31, -1.0])
@pytest.mark.parametrize("container", [OWN, DEFAULT, KEEPS])
async def test_a_wrong_ttl_is_refused(
    documents: DocumentStore, tenant: str, container: str, ttl: Any
) -> None:
    """A ttl is a positive whole number of seconds that fits 31 bits, or -1, even where it does not count."""
    with pytest.raises(InvalidRequestError) as caught:
        await documents.put(container, document(tenant, ttl=ttl))

    assert [problem.field for problem in caught.value.problems] == ["ttl"]


async def test_every_write_starts_the_time_anew(
    documents: DocumentStore, document_clock: FakeClock, tenant: str
) -> None:
    """A document lives from its last write on, by the ttl of that write."""
    await documents.put(OWN, document(tenant, ttl=10))
    document_clock.advance(9)
    await documents.put(OWN, document(tenant, ttl=10))
    document_clock.advance(9)
    assert await documents.get(OWN, (tenant,), "d") is not None

    await documents.put(OWN, document(tenant))
    document_clock.advance(1_000)

    assert await documents.get(OWN, (tenant,), "d") is not None


async def test_an_expired_document_is_as_good_as_gone(
    documents: DocumentStore, document_clock: FakeClock, tenant: str
) -> None:
    """It matches no ETag, counts as absent when deleted, and leaves its id to the next."""
    etag = await documents.put(OWN, document(tenant, ttl=10))
    document_clock.advance(10)

    with pytest.raises(StaleWriteError):
        await documents.put(OWN, document(tenant), if_match=etag)
    assert not await documents.delete(OWN, (tenant,), "d", if_match="another")
    assert not await documents.delete(OWN, (tenant,), "d")
    results = await documents.write_many(
        OWN,
        (tenant,),
        [Delete("d"), Put(document(tenant), if_match=etag), Put(document(tenant), if_absent=True)],
    )

    assert [result.outcome for result in results] == ["absent", "stale", "written"]
    assert await documents.get(OWN, (tenant,), "d") is not None


async def test_expired_documents_do_not_thin_out_pages(
    documents: DocumentStore, document_clock: FakeClock, tenant: str
) -> None:
    """A query's pages hold what is alive, in full, past any number of the expired."""
    for number in range(12):
        ttl = {} if number % 4 == 0 else {"ttl": 10}
        await documents.put(OWN, {"id": f"{number:02}", "tenantId": tenant, **ttl})
    document_clock.advance(100)

    page = await documents.query(OWN, Query((tenant,), limit=3))

    assert [found.body["id"] for found in page.items] == ["00", "04", "08"]
    assert page.continuation is None


async def test_cleaning_up_takes_only_the_expired(
    documents: DocumentStore, document_clock: FakeClock, tenant: str
) -> None:
    """Long after, when the store has cleaned up behind writes, everything alive is still there."""
    await documents.put(OWN, {"id": "short", "tenantId": tenant, "ttl": 10})
    await documents.put(OWN, {"id": "long", "tenantId": tenant, "ttl": 10_000})
    await documents.put(OWN, {"id": "ever", "tenantId": tenant})
    for number in range(3):
        document_clock.advance(100)
        await documents.put(KEEPS, {"id": f"{number}", "tenantId": tenant})

    assert await found_ids(documents, OWN, Query((tenant,))) == ["ever", "long"]
