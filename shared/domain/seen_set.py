"""A set of shard ids in 8 bytes each: what a reading has seen.

Ids are told apart by 64 bits of a hash. Of a million ids, one that is not in the set is taken for one that is
with a probability of 1 to 18 million million; all that follows is that its shard stays.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable

MARK_BYTES = 8
_BUCKETS = 256


def marks_of(shard_ids: Iterable[str]) -> bytes:
    """Return the marks of ids, one after the other."""
    return b"".join(map(_mark, shard_ids))


class SeenSet:
    """Sorted marks, in buckets: sorting one at a time takes little more memory than the marks themselves."""

    def __init__(self, marks: Iterable[bytes]) -> None:
        buckets = [array("Q") for _ in range(_BUCKETS)]
        for some in marks:
            for mark in array("Q", some):
                buckets[mark % _BUCKETS].append(mark)
        for number, bucket in enumerate(buckets):
            buckets[number] = array("Q", sorted(bucket))
        self._buckets = buckets

    def __contains__(self, shard_id: str) -> bool:
        mark = int.from_bytes(_mark(shard_id), sys.byteorder)
        bucket = self._buckets[mark % _BUCKETS]
        place = bisect_left(bucket, mark)
        return place < len(bucket) and bucket[place] == mark


def _mark(shard_id: str) -> bytes:
    return hashlib.blake2b(shard_id.encode(), digest_size=MARK_BYTES).digest()
