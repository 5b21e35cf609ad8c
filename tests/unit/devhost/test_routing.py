from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devhost.routing import Match, Route, Router

EVERY_METHOD = frozenset[str]()
GUID = "CD2C1638-1638-72D5-1638-DEADBEEF1638"


def _route(template: str, function: str = "F", methods: frozenset[str] = EVERY_METHOD) -> Route:
    return Route.parse(function, template, methods)


def _parameters(template: str, path: str) -> dict[str, str] | None:
    match, _ = Router([_route(template)]).find("GET", path)
    return match.parameters if match else None


@pytest.mark.parametrize(
    ("template", "path", "parameters"),
    [
        ("api/things", "/api/things", {}),
        ("api/things", "/API/Things/", {}),
        ("api/things", "/api/things/1", None),
        ("api/things", "/api//things", None),
        ("api/things/{id}", "/api/things/a", {"id": "a"}),
        ("api/things/{id}", "/api/things/", None),
        ("api/things/{id}", "/api/things/a%20b%2541", {"id": "a b%41"}),
        ("api/things/{id}", "/api/things/a%2Fb", {"id": "a%2Fb"}),
        ("api/things/{id?}", "/api/things", {}),
        ("api/things/{id?}", "/api/things/a", {"id": "a"}),
        ("api/things/{id=all}", "/api/things", {"id": "all"}),
        ("api/files/{*path}", "/api/files/a/b.txt", {"path": "a/b.txt"}),
        ("api/files/{*path}", "/api/files", {}),
        ("{**path}", "/", {}),
        ("api/{a}/to/{b}", "/api/1/to/2", {"a": "1", "b": "2"}),
        ("api/{id:int}", "/api/-5", {"id": "-5"}),
        ("api/{id:int}", "/api/2147483648", None),
        ("api/{id:int?}", "/api", {}),
        ("api/{id:int}", "/api/x", None),
        ("api/{id:long}", "/api/2147483648", {"id": "2147483648"}),
        ("api/{flag:bool}", "/api/TRUE", {"flag": "TRUE"}),
        ("api/{flag:bool}", "/api/yes", None),
        ("api/{n:double}", "/api/1.5e3", {"n": "1.5e3"}),
        ("api/{name:alpha}", "/api/Abc", {"name": "Abc"}),
        ("api/{name:alpha}", "/api/a1", None),
        ("api/{id:guid}", f"/api/{GUID}", {"id": GUID}),
        ("api/{id:guid}", f"/api/({GUID})", {"id": f"({GUID})"}),
        ("api/{id:guid}", f"/api/{GUID.replace('-', '')}", {"id": GUID.replace("-", "")}),
        ("api/{id:guid}", "/api/cd2c1638", None),
        ("api/{s:length(3)}", "/api/abc", {"s": "abc"}),
        ("api/{s:length(2,3)}", "/api/a", None),
        ("api/{s:minlength(2)}", "/api/a", None),
        ("api/{s:maxlength(2)}", "/api/abc", None),
        ("api/{n:min(18)}", "/api/17", None),
        ("api/{n:max(18)}", "/api/18", {"n": "18"}),
        ("api/{n:range(1,9)}", "/api/10", None),
        ("api/{n:int:range(1,9)}", "/api/9", {"n": "9"}),
        (r"api/{d:regex(^\\d{{2}}/?$)}", "/api/12", {"d": "12"}),
        (r"api/{d:regex(^(a|b)?c:$)}", "/api/ac:", {"d": "ac:"}),
        (r"api/{d:regex(^\\d+$)=7}", "/api", {"d": "7"}),
        ("api/{s:required}", "/api/x", {"s": "x"}),
    ],
)
def test_templates_fit_as_in_asp_net(template: str, path: str, parameters: dict[str, str] | None) -> None:
    """Literals, parameters, options, defaults, catch-alls and constraints decide as ASP.NET's do."""
    assert _parameters(template, path) == parameters


@pytest.mark.parametrize(
    "template",
    [
        "/x",
        "~x",
        "a//b",
        "{a}-{b}",
        "x{a}",
        "{a",
        "a}",
        "{a?}/b",
        "{*a}/b",
        "{a}/{A}",
        "{a:nope}",
        "{a:int(1)}",
        "{a:length}",
        "{a:length(x)}",
        "{a:regex(()}",
        "{}",
        "{a:datetime}",
    ],
)
def test_templates_that_can_not_be_are_refused(template: str) -> None:
    """A template that ASP.NET refuses, or that devhost has no rule for, raises a ValueError."""
    with pytest.raises(ValueError, match=r"route|segment|parameter"):
        _route(template)


@pytest.mark.parametrize(
    ("path", "function"),
    [("/u/me", "Literal"), ("/u/7", "Number"), ("/u/x", "Any"), ("/u/x/y", "Rest"), ("/u", "Rest")],
)
def test_the_most_specific_route_wins(path: str, function: str) -> None:
    """A literal beats a constrained parameter, that a free one, and that a catch-all, in whatever order."""
    routes = [
        _route("u/{*rest}", "Rest"),
        _route("u/{id}", "Any"),
        _route("u/{id:int}", "Number"),
        _route("u/me", "Literal"),
    ]
    for order in (routes, routes[::-1]):
        match, _ = Router(order).find("GET", path)
        assert match is not None
        assert match.function == function


def test_methods_choose_among_equal_paths() -> None:
    """Two functions share a path by their methods; any other method gets to know both."""
    router = Router(
        [_route("x", "Read", frozenset({"GET"})), _route("x", "Write", frozenset({"PUT", "POST"}))]
    )
    assert router.find("GET", "/x") == (Match("Read", {}), frozenset())
    assert router.find("PUT", "/x") == (Match("Write", {}), frozenset())
    assert router.find("DELETE", "/x") == (None, frozenset({"GET", "PUT", "POST"}))
    assert router.find("GET", "/y") == (None, frozenset())


def test_a_less_specific_route_serves_other_methods() -> None:
    """A literal route for GET leaves POST to the parameter beside it."""
    router = Router(
        [_route("x/new", "New", frozenset({"GET"})), _route("x/{id}", "Any", frozenset({"POST"}))]
    )
    assert router.find("POST", "/x/new") == (Match("Any", {"id": "new"}), frozenset())


@pytest.mark.parametrize(
    ("general", "specific", "shadowed"),
    [
        (("A", "x/{id}"), ("B", "x/health"), True),
        (("B", "x/{id}"), ("A", "x/health"), False),
        (("A", "x/{id:int}"), ("B", "x/health"), False),
        (("A", "x/{*rest}"), ("B", "x/{id}/y"), True),
        (("A", "x/{id?}"), ("B", "x"), True),
        (("A", "x/{id}/y"), ("B", "x/health"), False),
        (("A", "x/{id}"), ("B", "y/health"), False),
    ],
)
def test_routes_that_azure_would_choose_otherwise_are_found(
    general: tuple[str, str], specific: tuple[str, str], shadowed: bool
) -> None:
    """Azure tries names in alphabetical order, so a general route of an earlier name hides a specific one."""
    pairs = list(
        Router([_route(general[1], general[0]), _route(specific[1], specific[0])]).shadowed_in_azure()
    )
    assert [(azure.function, here.function) for azure, here in pairs] == ([("A", "B")] if shadowed else [])


def test_routes_of_different_methods_hide_nothing() -> None:
    """Only routes that share a method can take each other's requests."""
    router = Router([_route("x/{id}", "A", frozenset({"GET"})), _route("x/new", "B", frozenset({"POST"}))])
    assert list(router.shadowed_in_azure()) == []


_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
_part = st.one_of(
    st.from_regex(r"[a-z][a-z0-9-]{0,6}", fullmatch=True).map(lambda literal: (literal, literal)),
    st.tuples(st.just("{}"), _text),
)


@given(st.lists(_part, min_size=1, max_size=6))
def test_every_path_made_from_a_template_fits_it(parts: list[tuple[str, str]]) -> None:
    """Whatever text fills the parameters of a template comes back from the encoded path, decoded once."""
    template = "/".join(f"{{p{i}}}" if kind == "{}" else kind for i, (kind, _) in enumerate(parts))
    path = "/" + "/".join(quote(text.replace("/", "-"), safe="") for _, text in parts)
    expected = {f"p{i}": text.replace("/", "-") for i, (kind, text) in enumerate(parts) if kind == "{}"}
    assert _parameters(template, path) == expected


@given(
    st.permutations(["a/b", "a/{x}", "{x}/b", "{x}/{y}", "{*x}"]),
    st.sampled_from(["a", "c"]),
    st.text("bd", min_size=1),
)
def test_the_order_of_registration_does_not_matter(templates: list[str], first: str, second: str) -> None:
    """The same request goes to the same route however the functions were registered."""
    path = f"/{first}/{second}"
    chosen, _ = Router([_route(template, template) for template in templates]).find("GET", path)
    sorted_choice, _ = Router([_route(template, template) for template in sorted(templates)]).find(
        "GET", path
    )
    assert chosen == sorted_choice
    assert chosen is not None
