"""Addresses that answers name: followed within the provider's own origin only."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from yarl import URL

from shared.adapters.http import origin_of, parse_url
from shared.adapters.rest.answers import Answer, place_of
from shared.adapters.rest.notation import Source
from shared.domain.errors import ProviderContractError

_PATH_AND_QUERY = re.compile(r"/[!-~]*")

CleanUrl = Callable[[URL], str]
"""Returns a URL's path and query without credentials."""


def is_target(value: Any) -> bool:
    """Return whether a value is a path and query, as `own_target` returns them."""
    return isinstance(value, str) and _PATH_AND_QUERY.fullmatch(value) is not None


def request_url(answer: Answer) -> URL:
    """Return the URL that an answer is for."""
    return URL(answer.response.request.url, encoded=True)


def own_target(given: str, answer: Answer, source: Source) -> URL:
    """Return the URL that an answer names, absolute or relative to its own.

    Raises:
        ProviderContractError: It is no URL, or leads to another origin.
    """
    here = request_url(answer)
    target = parse_url(given, relative_to=here)
    if target is None:
        raise no_url(answer, source)
    if origin_of(target) != origin_of(here):
        raise ProviderContractError(
            f"{answer.place} names a next page at {origin_of(target)}, but this provider's origin is"
            f" {origin_of(here)}; use the address that the provider itself uses as base URL."
        )
    return target


def no_url(answer: Answer, source: Source) -> ProviderContractError:
    """Return the error for something that should be a URL."""
    return ProviderContractError(f"{answer.place} has something at {place_of(source)} that is not a URL.")
