"""The archive: write-once objects in cold storage."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ArchivedObject:
    """What the archive knows about one object. `sha256` is of the content, in lowercase hex."""

    path: str
    size_bytes: int
    sha256: str
    metadata: Mapping[str, str]
    created_at: datetime


class Archive(Protocol):
    """Objects by path; an object that exists is never changed.

    Paths are relative, with `/` between parts of 1 to 200 of `[0-9A-Za-z._-]` that don't end with a dot, at
    most 512 characters in all. Metadata keys are `[a-z][a-z0-9_]*`, values printable ASCII. Every method
    raises UnavailableError or ThrottledError when the archive does not answer, and InvalidRequestError for
    a bad path.
    """

    async def put(
        self, path: str, content: AsyncIterable[bytes], metadata: Mapping[str, str] | None = None
    ) -> ArchivedObject:
        """Store a stream as one object; it is there whole or not at all.

        Raises:
            AlreadyExistsError: The path is taken; what is there stays as it is.
        """
        ...

    def get(self, path: str) -> AsyncIterator[bytes]:
        """Stream an object's content.

        Raises:
            NotFoundError: No such object (raised at the first step).
        """
        ...

    async def stat(self, path: str) -> ArchivedObject | None:
        """Return what is known about an object without reading it, or None."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[ArchivedObject]:
        """Yield the objects whose path starts with `prefix`, in path order."""
        ...

    async def verify(self, path: str) -> bool:
        """Read the object back and compare size and SHA-256 with what `put` recorded; False on a difference.

        Raises:
            NotFoundError: No such object.
        """
        ...
