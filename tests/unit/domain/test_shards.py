"""Shard ids and content hashes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.shards import content_hash, shard_id, shard_id_range

external_ids = st.text(min_size=1, max_size=300)
entities = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(external_ids, external_ids, entities, entities)
def test_different_records_have_different_ids(first: str, second: str, entity: str, other: str) -> None:
    """Two records share a shard only if entity and external id are the same."""
    same = (entity, first) == (other, second)
    assert (shard_id("i1", entity, first) == shard_id("i1", other, second)) == same


@given(external_ids, entities)
def test_ids_fit_every_backend_and_their_integrations_range(external_id: str, entity: str) -> None:
    """At most 255 characters, none that Cosmos DB refuses, and between the bounds of the integration."""
    made = shard_id("i1", entity, external_id)
    first, end = shard_id_range("i1")
    assert len(made) <= 255
    assert not set(made) & set("/\\?#")
    assert first <= made < end


@given(st.dictionaries(st.text(max_size=5), st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5)))
def test_the_hash_does_not_depend_on_the_order_of_fields(data: dict[str, int | str]) -> None:
    """Providers reorder fields at will; that is no change."""
    assert content_hash(data) == content_hash(dict(reversed(data.items())))
    assert content_hash(data) != content_hash({**data, "one more": 1})
