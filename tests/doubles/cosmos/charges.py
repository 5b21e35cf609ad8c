"""Request charges: ESTIMATES by Microsoft's published figures, in request units (RU).

The service measures; these only keep the proportions, so that a test can compare two ways of doing the same.

Sources, at learn.microsoft.com/azure/cosmos-db:
  - optimize-cost-reads-writes, "Point reads": 1 RU for an item of 1 KB, 10 RU for one of 100 KB.
  - optimize-cost-reads-writes, "Writing data": about 5.5 RU to insert an item of 1 KB without indexing;
    to replace one costs two times the insertion of the same item.
  - key-value-store-cost: 5 RU to write 1 KB and 50 RU to write 100 KB, so writes grow as reads do.
  - The page names no number for queries. 2.5 RU is what the portal shows for a query of one small item; the
    share of each item (a tenth of its point read) is this double's choice.
  - A deletion is not given either; it is taken as an insertion's.
"""

from __future__ import annotations

READ_1_KB = 1.0
READ_100_KB = 10.0
INSERT_1_KB = 5.5
REPLACE_FACTOR = 2.0
QUERY_BASE = 2.5
QUERY_SHARE = 0.1
METADATA = 1.0


def read(size: int) -> float:
    """Return the charge of a point read of `size` bytes; a missing item costs as one of 1 KB."""
    kilobytes = max(1.0, size / 1024)
    return round(READ_1_KB + (kilobytes - 1) * (READ_100_KB - READ_1_KB) / 99, 2)


def insert(size: int) -> float:
    return round(INSERT_1_KB * read(size), 2)


def replace(size: int) -> float:
    return round(REPLACE_FACTOR * insert(size), 2)


def delete(size: int) -> float:
    return insert(size)


def query(sizes: list[int]) -> float:
    """Return the charge of a page of items, or of a change feed's page, of these sizes in bytes."""
    return round(QUERY_BASE + sum(QUERY_SHARE * read(size) for size in sizes), 2)
