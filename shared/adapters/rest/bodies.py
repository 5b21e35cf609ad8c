"""Bodies of requests: JSON or a form, from the document's template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson

from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.requests import Request
from shared.adapters.rest.templates import fill_json, text_of
from shared.domain.errors import DocumentTooLargeError, RecordRejectedError

MAX_BODY_BYTES = 2 * 1024 * 1024
"""As much as a document may have: what is written comes from one."""
_WITHOUT_BODY = frozenset({"GET", "DELETE"})


def encoded_body(request: Request, values: Mapping[str, Any], draft: Draft) -> bytes | None:
    """Return the body of a request as it goes out; None where it has none.

    Args:
        request: As the document has it.
        values: For its placeholders; `record` is the object of fields to write.
        draft: What is added to the template.

    Raises:
        DocumentTooLargeError: More than 2 MB.
        RecordRejectedError: A field that JSON or a form can't hold.
    """
    if request.form is not None:
        return _bounded(_form(fill_json(request.form, values), draft))
    template = request.json_body
    if template is None and not draft.body and request.method in _WITHOUT_BODY:
        return None
    value = fill_json(request.default_json if template is None else template, values)
    return _bounded(_json(draft.added_to(value) if draft.body else value))


def _form(fields: Mapping[str, Any], draft: Draft) -> bytes:
    texts = {name: text_of(value, name) for name, value in fields.items()}
    return urlencode({**texts, **draft.body}, doseq=True).encode()


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        raise RecordRejectedError(
            "The record has a value that JSON can't hold, such as a number over 64 bits; map it to text.",
            code="not_json",
        ) from None


def _bounded(body: bytes) -> bytes:
    if len(body) > MAX_BODY_BYTES:
        raise DocumentTooLargeError(
            f"The request's body would have more than {MAX_BODY_BYTES} bytes; send less."
        )
    return body
