"""`check-provider`: what an author learns about a document, offline and against a server."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from ops.__main__ import main
from tests.fakes import provider_server as faults
from tests.fakes.provider_server import DOCUMENT, ProviderServer, provider_server, thing
from tests.secrets_used import secret

SECRET = secret("key")
BEARER: dict[str, Any] = {**DOCUMENT, "rest": {**DOCUMENT["rest"], "auth": {"kind": "bearer"}}}


@pytest.fixture
async def server() -> AsyncIterator[ProviderServer]:
    async with provider_server() as running:
        running.things = [{**thing(number), "name": "Ann", "size": number / 2} for number in range(1, 251)]
        running.things[0]["gone"] = True
        yield running


def written(folder: Path, document: Any) -> str:
    file = folder / "things.yaml"
    file.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return str(file)


def live(file: str, server: ProviderServer, *more: str) -> list[str]:
    return [file, "--setting", f"serverUrl={server.url}", "--setting", "shelf=s1", *more]


async def check(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["check-provider", *arguments])


async def test_a_right_document_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without settings nothing goes over the network."""
    assert await check(written(tmp_path, DOCUMENT)) == 0
    assert capsys.readouterr().out.startswith("The document is right.")


async def test_every_problem_has_its_line_its_path_and_its_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order of the text, as a compiler would say it."""
    text = """\
id: books
category: books
displayName: Books
rest:
  baseUrl: books.example.com
  entities:
    book:
      list:
        path: /books/{shelf}
      id: id
"""
    assert await check(written(tmp_path, text)) == 1
    assert capsys.readouterr().out.splitlines() == [
        "things.yaml:5: rest.baseUrl: must begin with https://, http:// or a {setting} of kind url",
        (
            "things.yaml:9: rest.entities.book.list.path: {shelf} is no setting;"
            " declare `shelf` under settings, or correct the name"
        ),
        "Something has to be mended.",
    ]


async def test_a_key_that_is_missing_is_told_where_it_should_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line is that of the nearest thing that is there."""
    text = (
        "id: a\ncategory: b\nrest:\n  entities:\n    book: {list: {path: /x}}\n  errors:\n  - {action: x}\n"
    )
    assert await check(written(tmp_path, text), "--json") == 1
    report = orjson.loads(capsys.readouterr().out)
    assert (report["ok"], report["entities"]) == (False, None)
    assert report["problems"] == [{"path": "displayName", "message": "is missing; add it", "line": 1}]


async def test_an_api_is_tried(
    tmp_path: Path, server: ProviderServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two pages, then the changes since: what came is described by types and shapes, never by values."""
    assert await check(*live(written(tmp_path, DOCUMENT), server)) == 0
    out = capsys.readouterr().out
    for line in (
        "thing: 200 records on 2 pages, there are more",
        "  id          text like a999",
        "  modified    whole number",
        "  watermark   whole number",
        "  deleted     1 of them",
        "    meta.changed: whole number (199)",
        "    name: text (199)",
        "    size: number (199)",
    ):
        assert line in out.splitlines()
    assert "Ann" not in out
    assert out.endswith("The document is right, and the API answers as it says.\n")
    assert [target.partition("since=")[2] for target in server.targets] == ["0", "0&offset=100", "199"]


async def test_programs_get_json(
    tmp_path: Path, server: ProviderServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole report, with the verdict."""
    arguments = live(written(tmp_path, DOCUMENT), server, "--pages", "9", "--entity", "thing", "--json")
    assert await check(*arguments) == 0
    report = orjson.loads(capsys.readouterr().out)
    (entity,) = report["entities"]
    assert (report["ok"], entity["records"], entity["pages"], entity["morePages"]) == (True, 250, 3, False)
    assert (entity["incremental"]["records"], entity["problems"]) == (1, [])


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (faults.html("<p>Hello</p>"), "answered with something other than JSON"),
        (faults.raw_json(b'{"items": []}'), "has no list of records at `answer.items`"),
        (faults.status(401), "does not accept"),
        (faults.status(404), "does not exist"),
    ],
)
async def test_an_api_that_answers_otherwise_is_found_wanting(
    tmp_path: Path,
    server: ProviderServer,
    capsys: pytest.CaptureFixture[str],
    fault: faults.Fault,
    message: str,
) -> None:
    """The exit code says so, and the report why."""
    server.faults.append(fault)
    assert await check(*live(written(tmp_path, DOCUMENT), server)) == 1
    out = capsys.readouterr().out
    assert message in out
    assert out.endswith("Something has to be mended.\n")


async def test_malformed_records_are_found_wanting(
    tmp_path: Path, server: ProviderServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """How many, and why; the others are described all the same."""
    for place in (3, 7):
        server.things[place]["gone"] = "yes"
    assert await check(*live(written(tmp_path, DOCUMENT), server, "--pages", "1")) == 1
    out = capsys.readouterr().out
    assert "2 of 100 records: The record has neither true nor false at `gone`;" in out
    assert "fields      of 97 records" in out


async def test_pages_that_are_all_the_same_are_found_out(
    tmp_path: Path, server: ProviderServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """An API that does not know the parameter gives its first page again and again."""
    same = orjson.dumps({"answer": {"items": [thing(1), thing(2)]}})
    server.faults.extend([faults.raw_json(same, Next_Page=f"{server.url}/api/x?{n}") for n in range(2)])
    assert await check(*live(written(tmp_path, DOCUMENT), server)) == 1
    assert "2 ids came more than once" in capsys.readouterr().out


async def test_an_empty_answer_leaves_a_note(
    tmp_path: Path, server: ProviderServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is wrong with it, and nothing is known."""
    server.things = []
    assert await check(*live(written(tmp_path, DOCUMENT), server)) == 0
    assert "note        no records came" in capsys.readouterr().out


@pytest.mark.parametrize("way", ["argument", "environment", "stdin"])
async def test_credentials_are_sent_and_never_printed(
    tmp_path: Path,
    server: ProviderServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    """Not even where the server repeats them in an error."""
    monkeypatch.setenv("THINGS_TOKEN", SECRET)
    monkeypatch.setattr("sys.stdin", io.StringIO(f'{{"token": "{SECRET}"}}'))
    more = {
        "argument": ["--credential", f"token={SECRET}"],
        "environment": ["--credentials-from-env", "THINGS_"],
        "stdin": ["--credentials-from-stdin"],
    }[way]
    server.faults.append(faults.html(f"you sent {SECRET}"))
    file = written(tmp_path, BEARER)
    assert await check(*live(file, server, *more)) == 1
    assert server.requests[0].headers["Authorization"] == f"Bearer {SECRET}"
    output = capsys.readouterr()
    assert SECRET not in output.out + output.err


async def test_another_base_url_can_be_tried(
    tmp_path: Path, server: ProviderServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A document of a public API can be tried against a stand-in."""
    rest = {**DOCUMENT["rest"], "baseUrl": "https://api.example.com"}
    document = {**DOCUMENT, "rest": rest, "settings": {"shelf": {"default": "s1", "required": False}}}
    assert await check(written(tmp_path, document), "--base-url", f"{server.url}/api") == 0
    assert "thing: 200 records" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("document", "arguments", "message"),
    [
        (None, [], "can't be read: No such file"),
        ("a: [", [], "is not YAML"),
        (
            "a: 1\nrest:\n  - b: 2\n    c: {}\n    b: 3\n",
            [],
            "has the key b twice in one object, in lines 3 and 5",
        ),
        ('{"id": "a",\n"rest": {}, "id": "b"}', [], "has the key id twice in one object, in lines 1 and 2"),
        (
            "a: &x {b: 1}\nc: *x\nd: &y [*y, {e: 1, e: 1}]",
            [],
            "has the key e twice in one object, in lines 3 and 3",
        ),
        (DOCUMENT, ["--live"], "settings.serverUrl: is missing; give it a value"),
        (DOCUMENT, ["--setting", "shelve=x"], "settings.shelve: is unknown"),
        (
            DOCUMENT,
            ["--setting", "serverUrl=http://x", "--setting", "shelf=x", "--entity", "y"],
            "no entity y",
        ),
        (BEARER, ["--setting", "serverUrl=http://x", "--setting", "shelf=x"], "no more and no less: token."),
        (BEARER, ["--credentials-from-stdin"], "Stdin must hold a JSON object"),
    ],
)
async def test_what_can_not_be_tried_exits_with_2(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    document: Any,
    arguments: list[str],
    message: str,
) -> None:
    """The reason goes to stderr, and nothing to stdout."""
    monkeypatch.setattr("sys.stdin", io.StringIO("nothing"))
    file = written(tmp_path, document) if document else str(tmp_path / "nowhere.yaml")
    assert await check(file, *arguments) == 2
    output = capsys.readouterr()
    assert (output.out, message in output.err) == ("", True), output.err


async def test_a_private_address_can_be_refused(
    tmp_path: Path, server: ProviderServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the app in Azure would; and so can plain http."""
    file = written(tmp_path, DOCUMENT)
    secure = {"serverUrl": server.url.replace("http://", "https://"), "shelf": "s1"}
    settings = [f"--setting={name}={value}" for name, value in secure.items()]
    assert await check(file, *settings, "--public-only") == 1
    assert "is not a public address" in capsys.readouterr().out
    assert await check(*live(file, server, "--public-only")) == 2
    assert "goes over plain http" in capsys.readouterr().err
    assert server.requests == []


@pytest.mark.parametrize("wrong", [["--credential", SECRET], ["--pages", "0"], ["--setting", "=x"], []])
def test_wrong_arguments_do_not_give_a_secret_away(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The usage is explained, and what was written is not repeated."""
    with pytest.raises(SystemExit) as caught:
        main(["check-provider", *(["x.yaml"] if wrong else []), *wrong])
    output = capsys.readouterr()
    assert (caught.value.code, output.out) == (2, "")
    assert SECRET not in output.err
