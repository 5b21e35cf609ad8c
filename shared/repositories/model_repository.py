"""Models of one container in and out of the DocumentStore."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import ValidationError

from shared.domain.errors import ConfigurationError
from shared.domain.model import StoredModel
from shared.domain.validation import to_problems
from shared.ports.documents import Document, DocumentStore, JsonObject, Partition, Query
from shared.telemetry.logs import get_logger

M = TypeVar("M", bound=StoredModel)
_log = get_logger("repositories")


@dataclass(frozen=True, slots=True)
class ModelPage(Generic[M]):
    """Models of one page of a listing, and where the next begins."""

    items: tuple[M, ...]
    continuation: str | None


class ModelRepository(Generic[M]):
    """Reads and writes one kind of model. Writes are conditional: nobody's change is lost unseen."""

    def __init__(self, store: DocumentStore, container: str, model: type[M]) -> None:
        self._store = store
        self._container = container
        self._model = model

    async def get(self, partition: Partition, document_id: str) -> M | None:
        """Return one model, or None."""
        found = await self._store.get(self._container, partition, document_id)
        return self.loaded(found) if found else None

    async def create(self, model: M) -> M:
        """Write a new document.

        Raises:
            AlreadyExistsError: The id is taken.
        """
        etag = await self._store.put(self._container, to_body(model), if_absent=True)
        return model.changed(etag=etag)

    async def replace(self, model: M) -> M:
        """Write over the version that the model was read as.

        Raises:
            StaleWriteError: It changed since then, or is gone.
        """
        etag = await self._store.put(self._container, to_body(model), if_match=model.etag)
        return model.changed(etag=etag)

    async def delete(self, partition: Partition, model: M) -> bool:
        """Remove the version that the model was read as.

        Raises:
            StaleWriteError: It changed since then.
        """
        return await self._store.delete(self._container, partition, model.id, if_match=model.etag)

    async def page(self, query: Query) -> ModelPage[M]:
        """Return one page of a query's models. A system sweep leaves out what this version can't read."""
        found = await self._store.query(self._container, query)
        read = self._readable if query.sweep else self.loaded
        models = (read(document) for document in found.items)
        return ModelPage(tuple(model for model in models if model), found.continuation)

    def _readable(self, document: Document) -> M | None:
        try:
            return self.loaded(document)
        except ConfigurationError as error:
            _log.error("A document is left out", exc_info=error)
            return None

    def loaded(self, document: Document) -> M:
        """Read a document; fields that a newer version added are ignored, at any depth.

        Raises:
            ConfigurationError: This version can't read it.
        """
        try:
            return self._model.model_validate({**document.body, "etag": document.etag}, extra="ignore")
        except ValidationError as error:
            fields = ", ".join(problem.field for problem in to_problems(error))
            name = f"{self._container}/{document.body.get('id')}"
            raise ConfigurationError(f"This version can't read the document {name}: {fields}.") from None


def to_body(model: StoredModel) -> JsonObject:
    """Return the model as a JSON object, without its ETag and without empty fields."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"etag"})
