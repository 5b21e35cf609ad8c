"""The requests that a provider's document declares for reading, besides the list: each is tried once."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from shared.domain.errors import IntegrationError, ProviderContractError
from shared.domain.model import WireModel
from shared.domain.record_shapes import FieldShape, FieldTally
from shared.domain.sync import Watermark
from shared.ports.adapter import Adapter, FetchRequest, ListExtras
from shared.ports.clock import Clock

SEARCHED = "test"
"""As the smoke test of a connection: harmless, and most accounts hold it."""

_SAMPLE = 10
_PLAIN_PATH = re.compile(r"\w+(\.\w+)*")


class Failure(WireModel):
    """Why a request failed: the error's code, and its sentence."""

    code: str
    message: str

    @classmethod
    def of(cls, error: IntegrationError) -> Failure:
        """Return what is told of an error."""
        return cls(code=error.code, message=str(error))


class ReadStep(WireModel):
    """One request: `get`, `search`, `fields` (the list again, with one field selected) or `deletions`.

    Attributes:
        records: How many came.
        skipped: Why it could not be tried; None where it was.
    """

    name: str
    records: int = 0
    seconds: float = 0.0
    skipped: str | None = None
    error: Failure | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What an entity's list has shown: the id of a living record, fields, where changes begin."""

    external_id: str | None
    fields: Sequence[FieldShape]
    watermark: Watermark | None


class DeclaredReads:
    """Tries the requests of one entity. Nothing is written at the provider.

    Args:
        adapter: The line to it.
        entity: Name of the entity in the provider's document.
        extras: What the document declares for its list.
        seen: What the list has shown.
        clock: Time.
    """

    def __init__(self, adapter: Adapter, entity: str, extras: ListExtras, seen: Seen, clock: Clock) -> None:
        self._adapter = adapter
        self._entity = entity
        self._extras = extras
        self._seen = seen
        self._clock = clock

    async def tried(self) -> tuple[ReadStep, ...]:
        """Return a step for each request that the document declares; what fails is part of it."""
        operations, steps = self._adapter.operations(self._entity), []
        if "get" in operations:
            steps.append(await self._get())
        if "search" in operations:
            steps.append(await self._timed("search", self._search))
        if self._extras.selects_fields:
            steps.append(await self._fields())
        if self._extras.deletions is not None:
            steps.append(await self._deletions())
        return tuple(steps)

    async def _get(self) -> ReadStep:
        external_id = self._seen.external_id
        if external_id is None:
            return ReadStep(name="get", skipped="no record was listed that could be asked for")

        async def get() -> int:
            found = await self._adapter.get(self._entity, external_id)
            if found is None or found.deleted:
                raise ProviderContractError(
                    "a record that was listed is not found; check the path of `get`, and `id`"
                )
            if found.external_id != external_id:
                raise ProviderContractError("another record came; check the path of `get`, and `record`")
            return 1

        step = await self._timed("get", get)
        if step.error is None:
            return step
        told = _without(step.error.message, external_id)
        return step.model_copy(update={"error": step.error.model_copy(update={"message": told})})

    async def _search(self) -> int:
        return len(await self._adapter.search(self._entity, SEARCHED, _SAMPLE))

    async def _fields(self) -> ReadStep:
        paths = [shape for shape in self._seen.fields if _PLAIN_PATH.fullmatch(shape.path)]
        if not paths:
            return ReadStep(name="fields", skipped="no record was listed whose fields could be asked for")
        # The last of those that most records have: the first is often the id, which comes anyway.
        path = max(reversed(paths), key=lambda shape: shape.records).path

        async def select() -> int:
            page = await self._adapter.fetch_page(
                FetchRequest(self._entity, None, None, _SAMPLE, frozenset({path}))
            )
            tally = FieldTally()
            living = [record for record in page.records if not record.deleted]
            for record in living:
                tally.add(record.data)
            if living and all(shape.path != path for shape in tally.shapes()):
                raise ProviderContractError(f"`{path}` was asked for and did not come; check `fields`")
            return len(page.records)

        return await self._timed("fields", select)

    async def _deletions(self) -> ReadStep:
        watermark = self._seen.watermark
        if watermark is None:
            return ReadStep(name="deletions", skipped="no watermark is known to ask from; read more pages")

        async def ask() -> int:
            request = FetchRequest(self._entity, watermark, self._extras.deletions, _SAMPLE)
            return len((await self._adapter.fetch_page(request)).records)

        return await self._timed("deletions", ask)

    async def _timed(self, name: str, request: Callable[[], Awaitable[int]]) -> ReadStep:
        started = self._clock.monotonic()
        records, failure = 0, None
        try:
            records = await request()
        except IntegrationError as error:
            failure = Failure.of(error)
        seconds = round(self._clock.monotonic() - started, 3)
        return ReadStep(name=name, records=records, seconds=seconds, error=failure)


def _without(message: str, external_id: str) -> str:
    """Take a record's id out of a message that has the request's path: reports tell no values."""
    forms = "|".join(re.escape(form) for form in (external_id, quote(external_id, safe="")))
    return re.sub(rf"(?<!\w)({forms})(?!\w)", "{record.id}", message)
