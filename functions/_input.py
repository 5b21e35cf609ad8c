"""What callers send, checked before anybody works with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from shared.domain.errors import BodyTooLargeError, InvalidRequestError, MalformedRequestError
from shared.domain.validation import to_problems

MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 32

M = TypeVar("M", bound=BaseModel)


def parse_body(model: type[M], body: bytes) -> M:
    """Parse a JSON body; none at all is an empty object.

    Raises:
        BodyTooLargeError: It has more bytes than MAX_BODY_BYTES.
        MalformedRequestError: It is not JSON, or nested too deep.
        InvalidRequestError: It is not the model; names every wrong field.
    """
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLargeError(f"The body is larger than {MAX_BODY_BYTES // 1024} KB; send less at once.")
    value = _parsed(body)
    if _deeper_than(value, MAX_DEPTH):
        raise MalformedRequestError(f"The body is nested deeper than {MAX_DEPTH} levels; send it flatter.")
    return _validated(model, value, "The body is not valid.")


def parse_query(model: type[M], parameters: Mapping[str, str]) -> M:
    """Parse query parameters.

    Raises:
        InvalidRequestError: One is unknown or has a wrong value; names every wrong one.
    """
    return _validated(model, dict(parameters), "The query is not valid.")


def _parsed(body: bytes) -> Any:
    try:
        body.decode()
        return orjson.loads(body or b"{}")
    except UnicodeDecodeError:
        raise MalformedRequestError("The body is not UTF-8, the encoding of JSON.") from None
    except orjson.JSONDecodeError as error:
        raise MalformedRequestError(f"The body is not JSON: {error.msg} at character {error.pos}.") from None


def _validated(model: type[M], value: Any, message: str) -> M:
    try:
        return model.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidRequestError(message, to_problems(error, value)) from None


def _deeper_than(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [
            child
            for parent in layer
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not layer:
            return False
    return True
