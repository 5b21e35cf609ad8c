"""The requests that deal with items: points, batches, queries and the change feed."""

from __future__ import annotations

import email.utils
from typing import Any

import orjson

from tests.doubles.cosmos import batch, charges, feed
from tests.doubles.cosmos import item_operations as operations
from tests.doubles.cosmos.account import Account
from tests.doubles.cosmos.call import (
    BATCH,
    BATCH_ATOMIC,
    CONTINUATION,
    CROSS_PARTITION,
    END_EPK,
    PAGE_SIZE,
    PARTITION_KEY,
    QUERY,
    QUERY_PLAN,
    RANGE_ID,
    START_EPK,
    UPSERT,
    Answer,
    Call,
)
from tests.doubles.cosmos.container import Container
from tests.doubles.cosmos.errors import NOT_SERVABLE_BY_THE_GATEWAY, RANGE_GONE, Refused, bad_request
from tests.doubles.cosmos.feed import Page, Scope
from tests.doubles.cosmos.item_operations import Result
from tests.doubles.cosmos.query_grammar import Query, parse
from tests.doubles.cosmos.query_plan import plan

EVERYTHING = "SELECT * FROM c"


class Documents:
    """Answers for the items of an account's containers."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def answer(self, call: Call) -> Answer:
        container = self._account.container(call)
        if len(call.path) > 6:
            raise bad_request(f"The double doesn't know {'/'.join(call.path)}.")
        answer = self._item(container, call) if len(call.path) == 6 else self._items(container, call)
        self._add_headers(answer, container, call)
        return answer

    def _item(self, container: Container, call: Call) -> Answer:
        key, name = container.key.of_header(call.headers.get(PARTITION_KEY)), call.path[5]
        if_match = call.headers.get("If-Match")
        if call.method == "GET":
            result = operations.read(container, key, name, unless_match=call.headers.get("If-None-Match"))
            return _of_result(call, result)
        _no_if_none_match(call)
        if call.method == "DELETE":
            return _of_result(call, operations.delete(container, key, name, if_match=if_match))
        if call.method == "PUT":
            size = len(call.body)
            return _of_result(
                call, operations.replace(container, key, name, call.json(), size, if_match=if_match)
            )
        if call.method == "PATCH":
            return _of_result(call, operations.patch(container, key, name, call.json(), if_match=if_match))
        raise Refused(405, f"{call.method} is not allowed on an item.")

    def _items(self, container: Container, call: Call) -> Answer:
        if call.method == "GET":
            return self._changes(container, call) if "A-IM" in call.headers else self._query(container, call)
        if call.method != "POST":
            raise Refused(405, f"{call.method} is not allowed on items.")
        if call.flag(QUERY_PLAN):
            return _plan(call)
        if call.flag(QUERY):
            return self._query(container, call)
        key = container.key.of_header(call.headers.get(PARTITION_KEY))
        if call.flag(BATCH):
            return _batch(container, key, call)
        return _creation(container, key, call)

    def _query(self, container: Container, call: Call) -> Answer:
        body = {"query": EVERYTHING} if call.method == "GET" else call.json()
        query, given = _parsed(body)
        container.index.check_order(query.order_by)
        scope = self._scope(container, call)
        spread = scope.key is None and RANGE_ID not in call.headers
        if spread and call.method != "GET":
            _check_spread(call, query)
        page = feed.query_page(
            container,
            query,
            given,
            scope,
            identity=orjson.dumps([body, str(scope.key), scope.ranges if scope.key is None else None]),
            token=call.headers.get(CONTINUATION),
            limit=feed.page_size(call.headers.get(PAGE_SIZE)),
        )
        headers = {} if page.token is None else {CONTINUATION: page.token}
        return _page_answer(container, page, headers)

    def _changes(self, container: Container, call: Call) -> Answer:
        if call.headers["A-IM"].lower() != "incremental feed":
            raise bad_request("The double only knows the change feed of latest versions.")
        scope = self._scope(container, call)
        if scope.key is None and len(scope.ranges) > 1:
            raise bad_request("A page of the change feed comes from one partition key range.")
        match = call.headers.get("If-None-Match")
        since = _since(call) if match is None else -1
        limit = feed.page_size(call.headers.get(PAGE_SIZE))
        page, seen = feed.changes_page(container, scope, _lsn(container, match), since, limit)
        headers = {"etag": f'"{seen}"'}
        if not page.documents:
            return Answer(304, charge=charges.query([]), headers=headers)
        return _page_answer(container, page, headers)

    def _scope(self, container: Container, call: Call) -> Scope:
        header = call.headers.get(PARTITION_KEY)
        if header is not None:
            key = container.key.of_header(header)
            return Scope(key, self._account.ranges)
        number = call.headers.get(RANGE_ID)
        if number is None:
            return Scope(None, self._account.ranges)
        if not number.isdecimal() or int(number) >= len(self._account.ranges):
            raise Refused(410, "The partition key range is gone.", substatus=RANGE_GONE)
        start, end = self._account.ranges[int(number)]
        return Scope(
            None,
            ((max(start, call.headers.get(START_EPK, start)), min(end, call.headers.get(END_EPK, end))),),
        )

    def _add_headers(self, answer: Answer, container: Container, call: Call) -> None:
        header = call.headers.get(PARTITION_KEY)
        number = call.headers.get(RANGE_ID)
        if number is None and header is not None:
            number = str(self._account.range_of(container.key.place(container.key.of_header(header))))
        answer.headers["x-ms-session-token"] = f"{number or 0}:-1#{container.lsn}"
        answer.headers["x-ms-alt-content-path"] = container.link
        answer.headers["x-ms-content-path"] = container.rid
        if number is not None:
            answer.headers[RANGE_ID] = number


def _creation(container: Container, key: Any, call: Call) -> Answer:
    _no_if_none_match(call)
    body, size, if_match = call.json(), len(call.body), call.headers.get("If-Match")
    if call.flag(UPSERT):
        return _of_result(call, operations.upsert(container, key, body, size, if_match=if_match))
    if if_match is not None:
        raise bad_request("If-Match has no meaning for a creation.")
    return _of_result(call, operations.create(container, key, body, size))


def _batch(container: Container, key: Any, call: Call) -> Answer:
    if not call.flag(BATCH_ATOMIC):
        raise bad_request("The double only knows atomic batches.")
    result = batch.run(container, key, call.json(), len(call.body), minimal=_wants_minimal(call))
    return Answer(result.status, result.body, result.charge, writes=result.writes)


def _of_result(call: Call, result: Result) -> Answer:
    headers = {} if result.etag is None else {"etag": result.etag}
    write = call.method != "GET"
    body = b"" if result.item is None or (write and _wants_minimal(call)) else result.item.raw
    return Answer(result.status, body, result.charge, headers, writes=int(write))


def _wants_minimal(call: Call) -> bool:
    return call.headers.get("Prefer", "") == "return=minimal"


def _no_if_none_match(call: Call) -> None:
    if "If-None-Match" in call.headers:
        raise bad_request("If-None-Match has no meaning for a write.")


def _plan(call: Call) -> Answer:
    query, _ = _parsed(call.json())
    return Answer(200, orjson.dumps(plan(query)), charges.METADATA)


def _parsed(body: Any) -> tuple[Query, dict[str, Any]]:
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        raise bad_request("The request has no query.")
    query = parse(body["query"])
    given = {parameter["name"]: parameter["value"] for parameter in body.get("parameters") or []}
    if missing := query.parameters - given.keys():
        raise bad_request(f"The query's parameters have no values: {sorted(missing)}.")
    return query, given


def _check_spread(call: Call, query: Query) -> None:
    if not call.flag(CROSS_PARTITION):
        raise bad_request("Cross partition query is required but disabled.")
    if query.order_by or query.select.form == "count":
        raise bad_request(
            "The provided cross partition query can not be directly served by the gateway.",
            substatus=NOT_SERVABLE_BY_THE_GATEWAY,
        )


def _since(call: Call) -> int:
    header = call.headers.get("If-Modified-Since")
    return -1 if header is None else int(email.utils.parsedate_to_datetime(header).timestamp())


def _lsn(container: Container, match: str | None) -> int:
    if match is None:
        return 0
    if match == "*":
        return container.lsn
    number = match.strip('"')
    if not number.isdecimal():
        raise bad_request(f"The change feed's continuation is invalid: {match}.")
    return int(number)


def _page_answer(container: Container, page: Page, headers: dict[str, str]) -> Answer:
    opening = b'{"_rid":"%s","Documents":[' % container.rid.encode()
    body = opening + b",".join(page.documents) + b'],"_count":%d}' % len(page.documents)
    headers["x-ms-item-count"] = str(len(page.documents))
    return Answer(200, body, charges.query(page.sizes), headers)
