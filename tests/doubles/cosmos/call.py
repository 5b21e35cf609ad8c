"""A request and an answer, without the server that carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson

from tests.doubles.cosmos.counters import Kind
from tests.doubles.cosmos.errors import bad_request

QUERY = "x-ms-documentdb-isquery"
QUERY_PLAN = "x-ms-cosmos-is-query-plan-request"
BATCH = "x-ms-cosmos-is-batch-request"
BATCH_ATOMIC = "x-ms-cosmos-batch-atomic"
UPSERT = "x-ms-documentdb-is-upsert"
PARTITION_KEY = "x-ms-documentdb-partitionkey"
RANGE_ID = "x-ms-documentdb-partitionkeyrangeid"
CROSS_PARTITION = "x-ms-documentdb-query-enablecrosspartition"
PAGE_SIZE = "x-ms-max-item-count"
CONTINUATION = "x-ms-continuation"
START_EPK = "x-ms-start-epk"
END_EPK = "x-ms-end-epk"
INTENDED_RID = "x-ms-cosmos-intended-collection-rid"


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        path: The parts of the address, unquoted: dbs, <database>, colls, <container>, docs, <item>.
        headers: Case-insensitive.
    """

    method: str
    path: tuple[str, ...]
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, method: str, raw_path: str, headers: Mapping[str, str], body: bytes) -> Call:
        parts = raw_path.partition("?")[0].strip("/").split("/")
        return cls(method, tuple(unquote(part) for part in parts if part), headers, body)

    @property
    def container(self) -> str | None:
        return self.path[3] if len(self.path) > 3 else None

    @property
    def kind(self) -> Kind:
        if len(self.path) < 5 or self.path[4] != "docs" or self.flag(QUERY_PLAN):
            return "metadata"
        if self.method == "GET":
            if len(self.path) > 5:
                return "read"
            return "changefeed" if "A-IM" in self.headers else "query"
        if self.flag(BATCH):
            return "batch"
        return "query" if self.flag(QUERY) else "write"

    def flag(self, name: str) -> bool:
        return self.headers.get(name, "").lower() == "true"

    def json(self) -> Any:
        """Return the body.

        Raises:
            Refused: 400; it is not JSON.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise bad_request("The request's content is not JSON.") from None


@dataclass(frozen=True)
class Answer:
    """What comes back: the charge in request units, and how many writes were applied."""

    status: int
    body: bytes = b""
    charge: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    writes: int = 0
