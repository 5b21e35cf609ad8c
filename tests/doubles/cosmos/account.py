"""The account: its databases and containers, and the requests that deal with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

import orjson

from tests.doubles.cosmos import charges
from tests.doubles.cosmos.call import INTENDED_RID, Answer, Call
from tests.doubles.cosmos.container import Container
from tests.doubles.cosmos.errors import OTHER_CONTAINER, bad_request, conflict, not_found, owner_not_found
from tests.doubles.cosmos.item_operations import checked_name

END = "FF"
"""Above every effective partition key."""


@dataclass
class Database:
    """A name for containers."""

    properties: dict[str, Any]
    containers: dict[str, Container] = field(default_factory=dict)


class Account:
    """Everything that is stored.

    Args:
        splits: The effective partition keys at which each container is split into physical partitions.
    """

    def __init__(self, now: Callable[[], datetime], splits: tuple[str, ...] = ()) -> None:
        self._now = now
        self._databases: dict[str, Database] = {}
        self._made = 0
        bounds = ["", *splits, END]
        self.ranges = tuple(pairwise(bounds))

    def answer(self, call: Call, address: str) -> Answer:
        """Answer a request for the account, a database or a container itself."""
        handlers: dict[int, Callable[[Call], Answer]] = {
            0: lambda _: self._read_account(address),
            1: self._databases_feed,
            2: self._database,
            3: self._containers_feed,
            4: self._container,
            5: self._ranges,
        }
        if call.path[:1] not in {(), ("dbs",)} or len(call.path) not in handlers:
            raise bad_request(f"The double doesn't know {call.method} {'/'.join(call.path)}.")
        return handlers[len(call.path)](call)

    def container(self, call: Call) -> Container:
        """Return the container that a request for items names.

        Raises:
            Refused: 404, or 400 if the client means one that was here before.
        """
        database = self._databases.get(call.path[1])
        container = database.containers.get(call.path[3]) if database else None
        if container is None:
            raise owner_not_found(call.path[3])
        if call.headers.get(INTENDED_RID, container.rid) != container.rid:
            raise bad_request("Collection was deleted and created again.", substatus=OTHER_CONTAINER)
        return container

    def bodies(self, name: str) -> list[dict[str, Any]]:
        """Return the living documents of the containers of this name."""
        return [
            item.body
            for database in self._databases.values()
            if name in database.containers
            for item in database.containers[name].between("", END)
        ]

    def range_of(self, place: str) -> int:
        """Return the number of the physical partition."""
        return next(number for number, (start, end) in enumerate(self.ranges) if start <= place < end)

    def _read_account(self, address: str) -> Answer:
        here = [{"name": "Double", "databaseAccountEndpoint": address}]
        account = {
            "_self": "",
            "id": "double",
            "_rid": "double",
            "_dbs": "//dbs/",
            "media": "//media/",
            "addresses": "//addresses/",
            "writableLocations": here,
            "readableLocations": here,
            "enableMultipleWriteLocations": False,
            "enablePerPartitionFailoverBehavior": False,
            "userConsistencyPolicy": {"defaultConsistencyLevel": "Session"},
            "userReplicationPolicy": {
                "asyncReplication": False,
                "minReplicaSetSize": 3,
                "maxReplicasetSize": 4,
            },
            "systemReplicationPolicy": {"minReplicaSetSize": 3, "maxReplicasetSize": 4},
            "readPolicy": {"primaryReadCoefficient": 1, "secondaryReadCoefficient": 1},
        }
        return _answer(200, account)

    def _databases_feed(self, call: Call) -> Answer:
        if call.method == "GET":
            return _feed("Databases", [database.properties for database in self._databases.values()])
        name = _name(_only(call, "POST"))
        if name in self._databases:
            raise conflict(name)
        self._databases[name] = Database(self._system({"id": name}))
        return _answer(201, self._databases[name].properties)

    def _database(self, call: Call) -> Answer:
        database = self._existing_database(call)
        if call.method == "GET":
            return _answer(200, database.properties)
        _only(call, "DELETE")
        del self._databases[call.path[1]]
        return Answer(204, charge=charges.METADATA)

    def _containers_feed(self, call: Call) -> Answer:
        database = self._existing_database(call)
        if call.method == "GET":
            return _feed("DocumentCollections", [one.properties for one in database.containers.values()])
        name = _name(_only(call, "POST"))
        if name in database.containers:
            raise conflict(name)
        self._made += 1
        database.containers[name] = Container(
            _supported(call.json()), f"{self._made:08X}", f"dbs/{call.path[1]}/colls/{name}", self._now
        )
        return _answer(201, database.containers[name].properties)

    def _container(self, call: Call) -> Answer:
        containers = self._existing_database(call).containers
        container = containers.get(call.path[3])
        if container is None:
            raise not_found(call.path[3])
        if call.method == "GET":
            return _answer(200, container.properties)
        if call.method == "PUT":
            container.define(_supported(call.json()))
            return _answer(200, container.properties)
        _only(call, "DELETE")
        del containers[call.path[3]]
        return Answer(204, charge=charges.METADATA)

    def _ranges(self, call: Call) -> Answer:
        container = self.container(call)
        if call.path[4] != "pkranges" or call.method != "GET":
            raise bad_request(f"The double doesn't know {call.method} {call.path[4]}.")
        etag = '"1"'
        if call.headers.get("If-None-Match") == etag:
            return Answer(304, headers={"etag": etag}, charge=charges.METADATA)
        ranges = [
            {
                "id": str(number),
                "_rid": f"{container.rid}{number:04X}",
                "minInclusive": start,
                "maxExclusive": end,
                "status": "online",
                "parents": [],
            }
            for number, (start, end) in enumerate(self.ranges)
        ]
        answer = _feed("PartitionKeyRanges", ranges)
        answer.headers["etag"] = etag
        return answer

    def _existing_database(self, call: Call) -> Database:
        database = self._databases.get(call.path[1])
        if database is None:
            raise not_found(call.path[1])
        return database

    def _system(self, properties: dict[str, Any]) -> dict[str, Any]:
        self._made += 1
        rid = f"{self._made:08X}"
        seconds = int(self._now().timestamp())
        own = {"_rid": rid, "_self": f"dbs/{rid}/", "_etag": f'"{rid}"', "_ts": seconds}
        return {**properties, **own, "_colls": "colls/", "_users": "users/"}


def _supported(properties: Any) -> dict[str, Any]:
    if not isinstance(properties, dict):
        raise bad_request("The request's content is not a JSON object.")
    for name in ("uniqueKeyPolicy", "computedProperties", "vectorEmbeddingPolicy", "fullTextPolicy"):
        if properties.get(name):
            raise bad_request(f"The double doesn't know {name}.")
    return properties


def _name(call: Call) -> str:
    body = call.json()
    return checked_name(body.get("id") if isinstance(body, dict) else None)


def _only(call: Call, method: str) -> Call:
    if call.method != method or call.headers.get("x-ms-documentdb-isquery"):
        raise bad_request(f"The double doesn't know {call.method} {'/'.join(call.path)}.")
    return call


def _feed(name: str, entries: list[dict[str, Any]]) -> Answer:
    return _answer(200, {"_rid": "", name: entries, "_count": len(entries)})


def _answer(status: int, body: Any) -> Answer:
    return Answer(status, orjson.dumps(body), charges.METADATA)
