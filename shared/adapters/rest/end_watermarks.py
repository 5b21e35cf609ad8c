"""Opaque watermarks, which the last page has: tokens and delta links."""

from __future__ import annotations

from collections.abc import Callable

from shared.adapters.rest.answers import Answer, compile_source, place_of
from shared.adapters.rest.increment import Increment
from shared.adapters.rest.notation import Source
from shared.adapters.rest.targets import CleanUrl, own_target
from shared.domain.errors import ProviderContractError
from shared.domain.sync import Watermark


def end_reader(increment: Increment | None, clean_url: CleanUrl) -> Callable[[Answer], Watermark | None]:
    """Return a function that takes an opaque watermark from the last page, where the document has one."""
    if increment and increment.token:
        return _token_reader(increment.token)
    if increment and increment.link:
        return _link_reader(increment.link, clean_url)
    return lambda _: None


def _token_reader(source: Source) -> Callable[[Answer], Watermark]:
    read = compile_source(source)

    def token_of(answer: Answer) -> Watermark:
        token = read(answer.response, answer.body)
        if (type(token) is str and token) or type(token) is int:
            return token
        raise ProviderContractError(
            f"{answer.place} is the last page and has no text or whole number at {place_of(source)};"
            " correct `increment.token` in the provider's document."
        )

    return token_of


def _link_reader(source: Source, clean_url: CleanUrl) -> Callable[[Answer], Watermark]:
    read = compile_source(source)

    def link_of(answer: Answer) -> Watermark:
        link = read(answer.response, answer.body)
        if not isinstance(link, str) or not link.strip():
            raise ProviderContractError(
                f"{answer.place} is the last page and has no URL at {place_of(source)};"
                " correct `increment.link` in the provider's document."
            )
        return clean_url(own_target(link.strip(), answer, source))

    return link_of
