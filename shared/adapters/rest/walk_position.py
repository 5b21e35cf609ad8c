"""How far a walk over parents is, as a checkpoint keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import ValidationError

from shared.adapters.rest.positions import foreign_position
from shared.domain.model import WireModel
from shared.domain.sync import Watermark


class ParentInHand(WireModel):
    """A parent whose children are not all read.

    Attributes:
        values: What the children's requests name of it.
        at: The position of its next page of children; None for the first.
    """

    values: dict[str, str]
    at: dict[str, Any] | None = None


class MoreParents(WireModel):
    """Where parents go on: at a page of theirs, after the one with this id or with the first."""

    position: dict[str, Any] | None = None
    after: str | None = None


class Walk(WireModel):
    """All that another process needs to go on.

    Attributes:
        parents: Those in hand; a bounded number.
        more: Where the others are; None when there are none.
        watermark: The highest so far.
        gaps: Whether children may be missing, of parents that were listed but not found.
    """

    parents: tuple[ParentInHand, ...] = ()
    more: MoreParents | None = None
    watermark: Watermark | None = None
    gaps: bool = False

    @classmethod
    def at(cls, position: Mapping[str, Any] | None) -> Self:
        """Read a position; without one, the walk begins.

        Raises:
            ProviderContractError: The position was made for another version of the document.
        """
        if position is None:
            return cls(more=MoreParents())
        try:
            walk = cls.model_validate(position)
        except ValidationError:
            raise foreign_position() from None
        if walk.position is None:
            raise foreign_position()
        return walk

    @property
    def position(self) -> dict[str, Any] | None:
        """The walk as JSON; None when every parent's children are read."""
        if not self.parents and self.more is None:
            return None
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
