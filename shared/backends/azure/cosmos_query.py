"""From a structured query to Cosmos DB's SQL: parameters only, and always with the partition in it.

Pages are cut by the place of the last document, not by the service's continuation tokens. Those don't exist
for ordered queries over several physical partitions, may come with an empty page, and don't tell whether
anything follows. A place is the values of the order: the field, the id, and the partition's fields that the
query leaves open, which together name one document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from shared.backends.query_rules import fitting_index, mangled_continuation
from shared.domain.containers import Container
from shared.ports.documents import JsonObject, Op, Partition, Query, Scalar

Parameters: TypeAlias = list[dict[str, Any]]
Rank: TypeAlias = tuple[tuple[bool, Any], ...]

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


@dataclass(slots=True)
class Conditions:
    """Terms that must all hold, and the parameters that they use."""

    terms: list[str] = field(default_factory=list)
    parameters: Parameters = field(default_factory=list)

    def value(self, value: Any) -> str:
        """Take a value and return the parameter that stands for it."""
        name = f"@p{len(self.parameters)}"
        self.parameters.append({"name": name, "value": value})
        return name

    def compare(self, name: str, operator: str, value: Any) -> str:
        """Return the comparison of a field with a value."""
        return f"{path(name)} {operator} {self.value(value)}"

    def within(self, container: Container, partition: Partition) -> None:
        """Add the partition."""
        pairs = zip(container.partition_key, partition, strict=False)
        self.terms += [self.compare(name, "=", value) for name, value in pairs]

    def sql(self, select: str, order: str = "") -> str:
        """Return the statement."""
        where = f" WHERE {' AND '.join(self.terms)}" if self.terms else ""
        return f"SELECT {select} FROM c{where}{order}"  # noqa: S608 - names of this app, and parameters


class Search:
    """One page to look for: a query, and where the page before ended.

    Attributes:
        keys: The fields that order the documents; together they name one.
    """

    def __init__(self, container: Container, query: Query, after: Any) -> None:
        """Read what the query's continuation was sealed with; None for the first page.

        Raises:
            UndeclaredQueryError: No declared index fits.
            InvalidRequestError: The continuation holds something else.
        """
        fitting_index(container, query)
        fixed = {where.field for where in query.where if where.op is Op.EQ}
        order = "id" if query.order_by in fixed else query.order_by
        open_fields = container.partition_key[len(query.partition) :]
        self.keys = tuple(dict.fromkeys((order, "id", *open_fields)))
        self._container = container
        self._query = query
        self._after = None if after is None else self._parse(after)

    def statement(self, order: str, equal: Mapping[str, Scalar]) -> tuple[str, Parameters]:
        """Return the SQL, with its parameters, for what follows the place, ordered by one of the keys.

        Args:
            order: The key.
            equal: Values of the keys before it.
        """
        conditions = Conditions()
        conditions.within(self._container, self._query.partition)
        conditions.terms += [
            conditions.compare(where.field, where.op.value, where.value) for where in self._query.where
        ]
        if self._query.order_by != "id":
            ordered = path(self._query.order_by)
            conditions.terms.append(f"(IS_STRING({ordered}) OR IS_NUMBER({ordered}))")
        if self._after is not None:
            conditions.terms += self._following(conditions, self._after)
        conditions.terms += [conditions.compare(name, "=", value) for name, value in equal.items()]
        direction = "DESC" if self._query.descending else "ASC"
        return conditions.sql("*", f" ORDER BY {path(order)} {direction}"), conditions.parameters

    def place(self, body: JsonObject) -> list[Scalar]:
        """Return the place of a document that was found, as JSON."""
        return [value_at(body, key) for key in self.keys]

    def rank(self, body: JsonObject) -> Rank:
        """Return what orders the documents: numbers before strings, as Cosmos DB has them."""
        return tuple((isinstance(value, str), value) for value in self.place(body))

    def _following(self, conditions: Conditions, after: Sequence[Scalar]) -> list[str]:
        """Return the terms for what comes after a place.

        The second is the exact one. The first lets the service begin there in its index.
        """
        operator = "<" if self._query.descending else ">"
        choices = []
        for depth, (key, value) in enumerate(zip(self.keys, after, strict=True)):
            equal = [conditions.compare(self.keys[n], "=", after[n]) for n in range(depth)]
            choices.append(" AND ".join([*equal, conditions.compare(key, operator, value)]))
        begin = conditions.compare(self.keys[0], f"{operator}=", after[0])
        if isinstance(after[0], str) is self._query.descending:  # the other type comes later
            other = "IS_NUMBER" if self._query.descending else "IS_STRING"
            later = f"{other}({path(self.keys[0])})"
            return [f"({begin} OR {later})", f"({' OR '.join([*map('({})'.format, choices), later])})"]
        return [begin, f"({' OR '.join(map('({})'.format, choices))})"]

    def _parse(self, after: Any) -> tuple[Scalar, ...]:
        match after:
            case [str() | int() | float() as first, *rest] if (
                len(after) == len(self.keys)
                and not isinstance(first, bool)
                and all(isinstance(value, str) for value in rest)
            ):
                return tuple(after)
        raise mangled_continuation()


def path(name: str) -> str:
    """Return a dotted path as SQL. Brackets, because a bare name may be a keyword such as `order`."""
    return "c" + "".join(f'["{_checked(part)}"]' for part in name.split("."))


def by_ids(
    container: Container, partition: Partition, ids: Sequence[str], fields: Sequence[str] | None
) -> tuple[str, Parameters]:
    """Return the SQL, with its parameters, for those of a partition's documents that have one of the ids.

    `fields` are selected beside id and ETag; None selects whole documents.
    """
    conditions = Conditions()
    conditions.within(container, partition)
    conditions.terms.append(f"c.id IN ({', '.join(map(conditions.value, ids))})")
    names = () if fields is None else dict.fromkeys(("id", "_etag", *fields))
    return conditions.sql(", ".join(map(path, names)) or "*"), conditions.parameters


def value_at(body: JsonObject, name: str) -> Any:
    """Return the value at a dotted path that the document has."""
    value: Any = body
    for part in name.split("."):
        value = value[part]
    return value


def _checked(name: str) -> str:
    if _PLAIN_NAME.fullmatch(name) is None:
        raise ValueError(f"No field is called {name!r}.")  # names come from this app, never from a caller
    return name
