"""From a query to the one statement that answers a page of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from shared.backends.embedded.document_tables import LIVE, DocumentTable, key_expression
from shared.backends.query_rules import ID_INDEX, Index, fitting_index, mangled_continuation
from shared.domain.containers import NO_TTL
from shared.ports.documents import JsonObject, Op, Query, Scalar, Where

Term: TypeAlias = tuple[str, tuple[Any, ...]]
"""A condition in SQL, and its parameters."""

_PAGE = "SELECT rowid, etag, CAST(body AS BLOB) FROM {source} WHERE {terms} ORDER BY {order} LIMIT ?"

# Where the index is in another order: sort what it knows of the documents, then fetch only the page's.
_SORTED_PAGE = (
    "SELECT rowid, etag, CAST(body AS BLOB) FROM {table} WHERE rowid IN"
    " (SELECT rowid FROM {source} WHERE {terms} ORDER BY {order} LIMIT ?) ORDER BY {order}"
)

_NEVER: Term = ("0", ())

_LOWER = (Op.GT, Op.GE)
_UPPER = (Op.LT, Op.LE)

# Where the keys of each type begin and end: see key_expression.
_BOUNDS: dict[type, tuple[str | None, str | None]] = {
    float: (None, "''"),
    str: ("''", "x''"),
    bool: ("x''", None),
}
_ORDERABLE: tuple[str | None, str | None] = (None, "x''")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the order field's value and the id and rowid of the last document."""

    value: Scalar
    document_id: str
    rowid: int

    @classmethod
    def parse(cls, raw: Any) -> Place | None:
        """Read what `dump` wrote; None for None.

        Raises:
            InvalidRequestError: It is something else.
        """
        match raw:
            case None:
                return None
            case [str() | int() | float() as value, str() as document_id, int() as rowid] if (
                0 < rowid < 2**63
            ):
                return cls(value, document_id, rowid)
        raise mangled_continuation()

    @classmethod
    def of(cls, query: Query, body: JsonObject, rowid: int) -> Place:
        """Return the place of a document that matched a query."""
        value: Any = body
        for name in query.order_by.split("."):
            value = value[name]
        return cls(value, body["id"], rowid)

    def dump(self) -> list[Scalar]:
        """Return the place as JSON."""
        return [self.value, self.document_id, self.rowid]


def compile_query(
    table: DocumentTable, query: Query, after: Place | None, now_seconds: float
) -> tuple[str, list[Any]]:
    """Return the statement for one page, and one document more if there is one, with its parameters.

    Its rows are rowid, etag and body. It names the index to use, so a query never becomes a scan silently.

    Raises:
        UndeclaredQueryError: No declared index fits.
    """
    index = fitting_index(table.container, query)
    fixed = {where.field for where in query.where if where.op is Op.EQ}
    order = "id" if query.order_by in fixed else query.order_by
    keys = ["id", "rowid"] if order == "id" else [key_expression(order), "id", "rowid"]
    terms = [
        *((f"{column} = ?", (value,)) for column, value in zip(table.columns, query.partition, strict=False)),
        *_field_terms(query, None if after is None else order),
        *([] if table.container.default_ttl is NO_TTL else [(LIVE, (now_seconds,))]),
        *([] if after is None else [_after(keys, after, descending=query.descending)]),
    ]
    direction = " DESC" if query.descending else ""
    sql = (_PAGE if _in_order(table, query, index, order, fixed) else _SORTED_PAGE).format(
        table=table.name,
        source=f"{table.name} {_indexed_by(table, query, index)}",
        terms=" AND ".join(sql for sql, _ in terms),
        order=", ".join(key + direction for key in keys),
    )
    parameters = [parameter for _, parameters in terms for parameter in parameters]
    return sql, [*parameters, query.limit + 1]


def _in_order(table: DocumentTable, query: Query, index: Index, order: str, fixed: set[str]) -> bool:
    """True if the index, from where the equalities leave it, yields the documents in the query's order."""
    if index == ID_INDEX:
        return _is_whole(table, query)
    return set(index) - {"id"} <= {*fixed, order}


def _indexed_by(table: DocumentTable, query: Query, index: Index) -> str:
    if index != ID_INDEX:
        return f"INDEXED BY {table.index_name(index, wide=not _is_whole(table, query))}"
    # A sweep by id is the one query that no index begins to serve: it reads through all of one.
    return f"INDEXED BY {table.index_name(ID_INDEX, wide=False)}" if query.partition else ""


def _is_whole(table: DocumentTable, query: Query) -> bool:
    return len(query.partition) == len(table.columns)


def _field_terms(query: Query, started: str | None) -> Iterable[Term]:
    """Yield the terms of every field with a condition or the order.

    The field `started` is where an earlier page ended: its bound on the near side would only compete with
    that place for the index's attention.
    """
    near = _UPPER if query.descending else _LOWER
    for field in dict.fromkeys([*(where.field for where in query.where), query.order_by]):
        conditions = [where for where in query.where if where.field == field]
        types = {_json_type(where.value) for where in conditions}
        if len(types) > 1 or (bool in types and field == query.order_by):
            yield _NEVER
            continue
        lower, upper = _BOUNDS[types.pop()] if types else _ORDERABLE
        for operators, bound in ((_LOWER, lower), (_UPPER, upper)):
            if field != started or operators is not near:
                yield from _bounding_terms(field, conditions, operators, bound)
        yield from (_term(where) for where in conditions if where.op is Op.EQ)


def _bounding_terms(
    field: str, conditions: Sequence[Where], operators: tuple[Op, Op], type_bound: str | None
) -> Iterable[Term]:
    """Yield the conditions on one side, or else the bound that keeps other types out on that side."""
    terms = [_term(where) for where in conditions if where.op in operators]
    if terms or any(where.op is Op.EQ for where in conditions):
        return terms
    operator = ">=" if operators is _LOWER else "<"
    return [] if type_bound is None else [(f"{key_expression(field)} {operator} {type_bound}", ())]


def _after(keys: Sequence[str], place: Place, *, descending: bool) -> Term:
    """Return the condition that resumes after a place.

    The comparison of all keys at once is the exact one; that of the first alone lets SQLite begin there,
    because it does not use an index on an expression for the other.
    """
    known: list[tuple[str, Scalar | bytes]] = [("?", place.document_id), ("?", place.rowid)]
    if keys[0] != "id":
        known.insert(0, _operand(place.value))
    placeholders, values = zip(*known, strict=True)
    operator = "<" if descending else ">"
    begin = f"{keys[0]} {operator}= {placeholders[0]}"
    exact = f"({', '.join(keys)}) {operator} ({', '.join(placeholders)})"
    return f"{begin} AND {exact}", (values[0], *values)


def _term(where: Where) -> Term:
    placeholder, value = _operand(where.value)
    return f"{key_expression(where.field)} {where.op.value} {placeholder}", (value,)


def _operand(value: Scalar) -> tuple[str, str | bytes]:
    """Return how to write a value in SQL so that it compares with key_expression, and its parameter."""
    if isinstance(value, str):
        return "?", value
    if isinstance(value, bool):
        return "?", bytes([value])
    # Read by the same code as the numbers in the documents, so that equal texts give equal numbers.
    return "json_extract(?, '$')", orjson.dumps(value).decode()


def _json_type(value: Scalar) -> type:
    return float if type(value) is int else type(value)
