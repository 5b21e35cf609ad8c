"""What `check-provider` found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from ops.provider_file import LocatedProblem
from shared.domain.model import WireModel
from shared.services.provider_check import EntityReport


class Report(WireModel):
    """Everything that was found. `entities` is None where the API was not asked."""

    file: str
    problems: tuple[LocatedProblem, ...]
    entities: Sequence[EntityReport] | None

    @property
    def ok(self) -> bool:
        """True when there is nothing to mend."""
        return not self.problems and not any(entity.problems for entity in self.entities or ())

    def as_json(self) -> str:
        """Return the report as one JSON object, with a verdict."""
        found = self.model_dump(mode="json", by_alias=True)
        for entity, told in zip(found["entities"] or (), self.entities or (), strict=True):
            entity.update(problems=told.problems, notes=told.notes)
        return orjson.dumps({"ok": self.ok, **found}, option=orjson.OPT_INDENT_2).decode()

    def as_text(self) -> str:
        """Return the report as lines to read; the last one is the verdict."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for problem in self.problems:
            yield f"{self.file}:{problem.line}: {problem.path}: {problem.message}"
        for entity in self.entities or ():
            yield from _entity_lines(entity)
        if not self.ok:
            yield "Something has to be mended."
        elif self.entities is None:
            yield "The document is right. Give settings or --live to try it against its API."
        else:
            yield "The document is right, and the API answers as it says."


def _entity_lines(entity: EntityReport) -> Iterator[str]:
    end = "then a problem" if entity.error else "there are more" if entity.more_pages else "that is all"
    yield f"{entity.entity}: {entity.records} records on {entity.pages} pages, {end}"
    yield from _known(("id", entity.id), ("modified", entity.modified), ("watermark", entity.watermark))
    if entity.deleted:
        yield f"  deleted     {entity.deleted} of them"
    if entity.incremental and entity.incremental.error is None:
        yield f"  changes     {entity.incremental.records} records in {entity.incremental.seconds:.3f} s"
    for step in entity.steps:
        if step.error is None:
            told = f"{step.records} records in {step.seconds:.3f} s"
            yield f"  {step.name:<11} {f'not tried: {step.skipped}' if step.skipped else told}"
    if entity.seconds:
        yield f"  requests    {', '.join(f'{seconds:.3f} s' for seconds in entity.seconds)}"
    if entity.fields:
        described = entity.records - entity.deleted - sum(entity.malformed.values())
        yield f"  fields      of {described} records"
    for field in entity.fields:
        yield f"    {field.path}: {' or '.join(field.types)} ({field.records})"
    yield from (f"  problem     {problem}" for problem in entity.problems)
    yield from (f"  note        {note}" for note in entity.notes)


def _known(*shapes: tuple[str, str | None]) -> Iterator[str]:
    for name, shape in shapes:
        if shape is not None:
            yield f"  {name:<11} {shape}"
