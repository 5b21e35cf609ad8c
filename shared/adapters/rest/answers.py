"""Finding things in answers: paths compiled once, followed in every answer or record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import methodcaller
from typing import Any

from shared.adapters.hooks import HOOKS
from shared.adapters.http import HttpResponse
from shared.adapters.rest.notation import DeletionPath, HookName, JmesPath, Path, Present, Source
from shared.domain.errors import ProviderContractError
from shared.domain.jmespath_check import compile_jmespath
from shared.ports.adapter import SourceRecord

Reader = Callable[[Any], Any]
"""Returns what a path leads to in parsed JSON, or None."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One page, parsed.

    Attributes:
        response: As it came.
        body: Its JSON.
        count: How many records it has, before any filter of ours.
        asked: How many were asked for; None where the API decides.
        records: All of them, before any filter of ours.
    """

    response: HttpResponse
    body: Any
    count: int
    asked: int | None = None
    records: Sequence[SourceRecord] = ()

    @property
    def place(self) -> str:
        """Method, host and path of the request."""
        return self.response.request.place


def compile_field(path: Path | None) -> Reader:
    """Return a function that follows a path in an object; without a path it finds nothing."""
    if path is None:
        return lambda _: None
    if isinstance(path, JmesPath):
        return _compile_jmespath(path.expression)
    if isinstance(path, HookName):
        return _compile_hook(path.name)
    name, _, rest = path.partition(".")
    if not rest:
        return methodcaller("get", name)
    follow = compile_path(rest)
    return lambda record: follow(record.get(name))


def compile_path(path: Path | None) -> Reader:
    """Return a function that follows a path in any JSON value."""
    follow = compile_field(path)
    if not isinstance(path, str):
        return follow
    return lambda value: follow(value) if isinstance(value, dict) else None


def compile_mark(mark: DeletionPath | None) -> Reader:
    """Return a function that tells whether an object is a tombstone; None where it does not say."""
    if not isinstance(mark, Present):
        return compile_field(mark)
    read = compile_field(mark.path)
    return lambda record: read(record) is not None


def compile_source(source: Source) -> Callable[[HttpResponse, Any], Any]:
    """Return a function that takes a response and its parsed body to what is at the source, or None."""
    if source.header is None:
        read = compile_path(source.body_path)
        return lambda _, body: read(body)
    header = source.header
    return lambda response, _: response.header(header)


def place_of(source: Source) -> str:
    """Name a source in an error message."""
    return f"the header {source.header}" if source.header else f"`{source.body_path}`"


def _compile_jmespath(expression: str) -> Reader:
    from jmespath.exceptions import JMESPathError  # noqa: PLC0415 - few documents need its 30 ms

    compiled = compile_jmespath(expression)

    def read(value: Any) -> Any:
        try:
            return compiled.search(value)
        except JMESPathError:
            raise ProviderContractError(
                f"The expression `{expression}` can't be applied to the answer;"
                " correct it in the provider's document."
            ) from None

    return read


def _compile_hook(name: str) -> Reader:
    hook = HOOKS[name]

    def read(value: Any) -> Any:
        try:
            return hook(value)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            reason = str(error) if type(error) is ValueError else "it has another shape"
            raise ProviderContractError(f"The hook {name} can't read the answer: {reason}.") from None

    return read
