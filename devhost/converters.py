"""The azure-functions library's own converters, called as the Python worker calls them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.functions.meta import Datum, get_binding_registry

_RESPONSE_BINDING = "http"


def decode(binding: str, data: Datum, metadata: Mapping[str, Datum]) -> Any:
    """Turn what the host sends into the object that the function takes.

    Raises:
        TypeError: The converter has no use for this kind of data.
    """
    try:
        return _converter(binding).decode(data, trigger_metadata=metadata)
    except NotImplementedError as error:
        raise TypeError(f"a {binding} takes no {data.type} data") from error


def encode_response(value: Any) -> Datum:
    """Turn an HTTP function's return value into what the worker sends to the host.

    Raises:
        TypeError: It is neither an HttpResponse nor a string.
    """
    try:
        datum: Datum = _converter(_RESPONSE_BINDING).encode(value, expected_type=None)
    except NotImplementedError as error:
        raise TypeError(
            f"an HTTP function must return an HttpResponse or a str, not {type(value).__name__}"
        ) from error
    return datum


def takes(binding: str, annotation: type) -> bool:
    """Tell whether a parameter with this annotation can take the trigger's data."""
    return bool(_converter(binding).check_input_type_annotation(annotation))


def gives(annotation: type) -> bool:
    """Tell whether an HTTP function with this return annotation can answer."""
    return bool(_converter(_RESPONSE_BINDING).check_output_type_annotation(annotation))


def _converter(binding: str) -> Any:
    return get_binding_registry().get(binding)
