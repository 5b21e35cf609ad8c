"""The part of Cosmos's query language that the double speaks; anything else is refused.

    query      := SELECT select FROM c [WHERE or] [ORDER BY path [ASC | DESC]]
    select     := * | path {, path} | VALUE COUNT(1) | rewritten
    or         := and {OR and}
    and        := test {AND test}
    test       := ( or ) | path op @parameter | c.id IN (@parameter {, @parameter})
                | ARRAY_CONTAINS(@parameter, path) | type(path) [= (true | false)] | true
    type       := IS_STRING | IS_NUMBER | IS_DEFINED
    op         := = | < | <= | > | >=
    path       := c {.name | ["name"]}

`rewritten` is what a query plan makes of a query that goes to more than one range; only the SDK sends it:
`c._rid, [{"item": path}] AS orderByItems, payload AS payload` and `VALUE [{"item": COUNT(1)}]`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from tests.doubles.cosmos.errors import Refused, bad_request
from tests.doubles.cosmos.query_conditions import (
    ALWAYS,
    ID,
    Condition,
    all_of,
    any_of,
    compares,
    has_type,
    is_one_of,
)
from tests.doubles.cosmos.query_values import COMPARISONS, Path

TOKEN = re.compile(r'\s*(?:(@?[A-Za-z_]\w*|\d+)|("(?:[^"\\]|\\.)*")|(<=|>=|!=|<>|[=<>(),.\[\]{}*:]))')
MOST_OF_AN_IN = 6000
MAX_QUERY_BYTES = 512 * 1024
"""Both of Microsoft: Azure Cosmos DB service quotas, "SQL query limits"."""

KEYWORDS = frozenset(
    {"SELECT", "FROM", "WHERE", "ORDER", "BY", "AND", "OR", "IN", "AS", "ASC", "DESC", "VALUE"}
)


@dataclass(frozen=True)
class Select:
    """What comes back of each item.

    Attributes:
        form: `items` whole or with some `fields`; `count`; `ordered` wraps an item for the SDK's merge;
            `partial` wraps a count for it.
    """

    form: Literal["items", "count", "ordered", "partial"]
    fields: tuple[Path, ...] | None = None


@dataclass(frozen=True)
class Query:
    """A parsed query; `text` is its normal form without ORDER BY and SELECT, for a plan.

    Attributes:
        where: The condition.
        where_text: The condition as it was written, or None.
        order_by: The path, or None.
        parameters: The names that the text uses.
    """

    select: Select
    where: Condition
    where_text: str | None
    order_by: Path | None
    descending: bool
    parameters: frozenset[str]


@lru_cache(maxsize=1024)
def parse(text: str) -> Query:
    """Return the query.

    Raises:
        Refused: 400; it is outside the grammar.
    """
    if len(text.encode()) > MAX_QUERY_BYTES:
        raise bad_request(f"The query is longer than {MAX_QUERY_BYTES} bytes.")
    parser = _Parser(text)
    try:
        return parser.query()
    except Refused as refused:
        message = (
            f"The double doesn't understand the query at {parser.rest()!r}: {refused.message} Query: {text}"
        )
        raise bad_request(message) from None


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, int, int]] = []
        self._at = 0
        self._used: set[str] = set()
        self._read_tokens()

    def rest(self) -> str:
        return self._text[self._start() : self._start() + 60]

    def query(self) -> Query:
        self._expect("SELECT")
        select = self._select()
        self._expect("FROM")
        self._expect("c")
        where, where_text = self._where()
        order_by, descending = self._order_by()
        if self._at < len(self._tokens):
            raise bad_request("Nothing more is expected.")
        if order_by and select.form in {"count", "partial"}:
            raise bad_request("A count has no order.")
        return Query(select, where, where_text, order_by, descending, frozenset(self._used))

    def _select(self) -> Select:
        if self._take("*"):
            return Select("items")
        if self._take("VALUE"):
            return self._count()
        paths = [self._path()]
        while self._take(","):
            if self._peek() == "[":
                return self._ordered()
            paths.append(self._path())
        if any(not path for path in paths):
            raise bad_request("c alone can't be selected.")
        return Select("items", tuple(paths))

    def _count(self) -> Select:
        partial = self._peek() == "["
        opening, closing = (["[", "{", '"item"', ":"], ["}", "]"]) if partial else ([], [])
        self._expect(*opening, "COUNT", "(", "1", ")", *closing)
        return Select("partial" if partial else "count")

    def _ordered(self) -> Select:
        self._expect("[", "{", '"item"', ":")
        self._path()
        self._expect("}", "]", "AS", "orderByItems", ",")
        fields: list[Path] | None = None
        if self._take("{"):
            fields = []
            while not self._take("}"):
                self._next()
                self._expect(":")
                fields.append(self._path())
                self._take(",")
        else:
            self._expect("c")
        self._expect("AS", "payload")
        return Select("ordered", None if fields is None else tuple(fields))

    def _where(self) -> tuple[Condition, str | None]:
        if not self._take("WHERE"):
            return ALWAYS, None
        start = self._start()
        test = self._or()
        return test, self._text[start : self._start()].strip()

    def _order_by(self) -> tuple[Path | None, bool]:
        if not self._take("ORDER"):
            return None, False
        self._expect("BY")
        path = self._path()
        if not path:
            raise bad_request("ORDER BY needs a path.")
        descending = self._take("DESC")
        if not descending:
            self._take("ASC")
        return path, descending

    def _or(self) -> Condition:
        tests = [self._and()]
        while self._take("OR"):
            tests.append(self._and())
        return any_of(tests)

    def _and(self) -> Condition:
        tests = [self._test()]
        while self._take("AND"):
            tests.append(self._test())
        return all_of(tests)

    def _test(self) -> Condition:
        if self._take("("):
            test = self._or()
            self._expect(")")
            return test
        if self._take("true"):
            return ALWAYS
        if self._take("ARRAY_CONTAINS"):
            return self._contains()
        for name, types in TYPE_TESTS.items():
            if self._take(name):
                return self._type_test(types)
        return self._comparison()

    def _type_test(self, types: tuple[type, ...] | None) -> Condition:
        self._expect("(")
        path = self._path()
        self._expect(")")
        wanted = True
        if self._take("="):
            wanted = not self._take("false")
            if wanted:
                self._expect("true")
        return has_type(path, types, wanted=wanted)

    def _contains(self) -> Condition:
        self._expect("(")
        parameter = self._parameter()
        self._expect(",")
        path = self._path()
        self._expect(")")
        return is_one_of(path, lambda given: given[parameter])

    def _comparison(self) -> Condition:
        path = self._path()
        if self._take("IN"):
            return self._in(path)
        comparison = self._next()
        if comparison not in COMPARISONS:
            raise bad_request("A comparison is expected: = < <= > >= or IN.")
        parameter = self._parameter()
        return compares(path, comparison, parameter)

    def _in(self, path: Path) -> Condition:
        if path != ID:
            raise bad_request("Only c.id can be tested by IN.")
        self._expect("(")
        names = [self._parameter()]
        while self._take(","):
            names.append(self._parameter())
        if len(names) > MOST_OF_AN_IN:
            raise bad_request(f"IN takes at most {MOST_OF_AN_IN} values.")
        self._expect(")")
        return is_one_of(path, lambda given: [given[name] for name in names])

    def _path(self) -> Path:
        self._expect("c")
        names = []
        while self._peek() in {".", "["}:
            if self._take("."):
                names.append(self._name())
            else:
                self._expect("[")
                names.append(_unquoted(self._next()))
                self._expect("]")
        return tuple(names)

    def _name(self) -> str:
        name = self._next()
        if not name.isidentifier() or name.upper() in KEYWORDS:
            raise bad_request('A name is expected after "."; other names go in c["..."].')
        return name

    def _parameter(self) -> str:
        name = self._next()
        if not name.startswith("@"):
            raise bad_request("A parameter is expected; the double takes no literals.")
        self._used.add(name)
        return name

    def _take(self, word: str) -> bool:
        found = self._peek()
        same = found.upper() == word if word.upper() in KEYWORDS else found == word
        if same:
            self._at += 1
        return same

    def _expect(self, *words: str) -> None:
        for word in words:
            if not self._take(word):
                raise bad_request(f"{word!r} is expected.")

    def _next(self) -> str:
        found = self._peek()
        if not found:
            raise bad_request("It ends too early.")
        self._at += 1
        return found

    def _peek(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _start(self) -> int:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else len(self._text)

    def _read_tokens(self) -> None:
        at, end = 0, len(self._text.rstrip())
        while at < end:
            found = TOKEN.match(self._text, at)
            if found is None:
                raise bad_request(f"The double doesn't understand the query at {self._text[at : at + 60]!r}.")
            token = found[found.lastindex or 0]
            self._tokens.append((token, found.end() - len(token), found.end()))
            at = found.end()


def _unquoted(token: str) -> str:
    if not token.startswith('"') or "\\" in token:
        raise bad_request('A name in quotes is expected, without "\\".')
    return token[1:-1]


TYPE_TESTS: Mapping[str, tuple[type, ...] | None] = {
    "IS_STRING": (str,),
    "IS_NUMBER": (int, float),
    "IS_DEFINED": None,
}
