"""Query plans: how the SDK is told to ask every range and to merge the answers.

The shape is that of the gateway's answers to `x-ms-cosmos-is-query-plan-request` (read by the SDK's
`_PartitionedQueryExecutionInfo`).
"""

from __future__ import annotations

import json
from typing import Any

from tests.doubles.cosmos.query_grammar import Query, Select
from tests.doubles.cosmos.query_values import Path

FILTER = "{documentdb-formattableorderbyquery-filter}"


def plan(query: Query) -> dict[str, Any]:
    """Return the plan of a query over all ranges."""
    info: dict[str, Any] = {
        "distinctType": "None",
        "top": None,
        "offset": None,
        "limit": None,
        "orderBy": [],
        "orderByExpressions": [],
        "groupByExpressions": [],
        "groupByAliases": [],
        "aggregates": [],
        "groupByAliasToAggregateType": {},
        "rewrittenQuery": "",
        "hasSelectValue": query.select.form == "count",
    }
    if query.select.form == "count":
        info["aggregates"] = ["Count"]
        info["rewrittenQuery"] = _text('VALUE [{"item": COUNT(1)}]', query.where_text)
    elif query.order_by is not None:
        info |= _order(query, query.order_by)
    everything = {"min": "", "max": "FF", "isMinInclusive": True, "isMaxInclusive": False}
    return {"partitionedQueryExecutionInfoVersion": 2, "queryInfo": info, "queryRanges": [everything]}


def _order(query: Query, path: Path) -> dict[str, Any]:
    by = _written(path)
    select = f'c._rid, [{{"item": {by}}}] AS orderByItems, {_payload(query.select)} AS payload'
    where = f"({query.where_text}) AND ({FILTER})" if query.where_text else f"({FILTER})"
    direction = "DESC" if query.descending else "ASC"
    return {
        "orderBy": ["Descending" if query.descending else "Ascending"],
        "orderByExpressions": [by],
        "rewrittenQuery": f"{_text(select, where)}\nORDER BY {by} {direction}",
    }


def _payload(select: Select) -> str:
    if select.fields is None:
        return "c"
    return "{" + ", ".join(f"{json.dumps(path[-1])}: {_written(path)}" for path in select.fields) + "}"


def _written(path: Path) -> str:
    return "c" + "".join(f"[{json.dumps(name, ensure_ascii=False)}]" for name in path)


def _text(select: str, where: str | None) -> str:
    return f"SELECT {select}\nFROM c" + (f"\nWHERE {where}" if where else "")
