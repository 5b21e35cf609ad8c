"""What no document can declare: functions that documents name."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.hooks.gmail_message import MAX_PARTS, gmail_message
from shared.adapters.registry import AdapterRegistry
from tests.fakes.provider_server import ProviderServer
from tests.unit.adapters.rest.reading import answer, ask, failure, open_adapter, rest_of


def part(kind: str, text: str = "", charset: str = "utf-8", **more: Any) -> dict[str, Any]:
    data = urlsafe_b64encode(text.encode(charset)).decode().rstrip("=")
    header = {"name": "Content-Type", "value": f'{kind}; charset="{charset}"'}
    return {"mimeType": kind, "filename": "", "headers": [header], "body": {"data": data}, **more}


def message(*parts: dict[str, Any]) -> dict[str, Any]:
    headers = [
        {"name": "Subject", "value": "Hello"},
        {"name": "Received", "value": "first"},
        {"name": "received", "value": "second"},
    ]
    payload = {"mimeType": "multipart/mixed", "filename": "", "headers": headers, "parts": [*parts]}
    return {"id": "m1", "threadId": "t1", "historyId": "9", "payload": payload}


LETTER = message(
    {"mimeType": "multipart/alternative", "parts": [part("text/plain", "Grüße"), part("text/html", "<b>Hi")]},
    part("text/plain", "a note", filename="note.txt"),
)


async def test_record_is_what_the_hook_makes_of_the_answer(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """One message of Gmail becomes one record, with its bodies decoded and its headers by name."""
    server.faults.append(answer(LETTER))
    adapter = open_adapter(registry, server.url, rest_of({"records": {"hook": "gmailMessage"}}))
    (record,) = (await adapter.fetch_page(ask())).records
    assert record.data == {
        "id": "m1",
        "threadId": "t1",
        "historyId": "9",
        "headers": {"subject": "Hello", "received": "first"},
        "text": "Grüße",
        "html": "<b>Hi",
        "attachments": ["note.txt"],
    }


async def test_answer_that_the_hook_can_not_read_is_told(
    server: ProviderServer, registry: AdapterRegistry
) -> None:
    """With the hook's name and its reason, and nothing of the answer."""
    adapter = open_adapter(registry, server.url, rest_of({"records": {"hook": "gmailMessage"}}))
    server.faults.append(answer({"id": "m1"}))
    assert "The hook gmailMessage can't read the answer: it has no payload" in str(await failure(adapter))
    server.faults.append(answer({"payload": {"headers": ["x"]}}))
    assert "can't read the answer: it has another shape." in str(await failure(adapter))


@given(st.text(), st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_text_comes_back_from_any_charset(text: str, charset: str) -> None:
    """Whatever Gmail encoded is read again, padded or not."""
    assert gmail_message(message(part("text/plain", text, charset)))[0]["text"] == text


def test_utf_8_is_read_as_such_whatever_its_header_says() -> None:
    """A gateway may have turned the text into UTF-8, and left the header."""
    data = urlsafe_b64encode("Grüße".encode()).decode()
    told = part("text/plain", "", "iso-8859-1", body={"data": data})
    assert gmail_message(message(told))[0]["text"] == "Grüße"
    assert gmail_message(message(part("text/plain", "Grüße", "iso-8859-1")))[0]["text"] == "Grüße"
    assert gmail_message(message(part("text/plain", "日本", "iso-2022-jp")))[0]["text"] == "日本"


@pytest.mark.parametrize("header", ['text/plain; charset="x-unheard"', "text/plain", "nonsense", "a\nb"])
def test_unheard_charset_is_read_as_utf_8(header: str) -> None:
    """Mail is not refused because its sender has odd software."""
    odd = part("text/plain", "é", headers=[{"name": "content-type", "value": header}])
    assert gmail_message(message(odd))[0]["text"] == "é"


def test_message_without_text_has_none() -> None:
    """A body that lies in an attachment is not fetched."""
    kept = gmail_message(message({"mimeType": "text/plain", "body": {"attachmentId": "a"}}))[0]
    assert (kept["text"], kept["html"], kept["attachments"]) == (None, None, [])


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"parts": [1]}, "one of its parts is no object"),
        ({"parts": [{}] * MAX_PARTS}, f"more than {MAX_PARTS} parts"),
        ({"mimeType": "text/plain", "body": {"data": "a"}}, "a part's data is no base64"),
    ],
)
def test_broken_message_is_refused(payload: dict[str, Any], reason: str) -> None:
    """What can't be read whole is not read in part."""
    with pytest.raises(ValueError, match=reason):
        gmail_message({"id": "m", "payload": payload})
