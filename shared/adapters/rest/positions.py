"""Positions in a provider's pages: what all paginators share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

from pydantic import ConfigDict, ValidationError

from shared.adapters.rest.answers import Answer
from shared.adapters.rest.drafts import Draft
from shared.domain.errors import ProviderContractError
from shared.domain.model import WireModel
from shared.ports.adapter import SourceRecord


class Paginator(Protocol):
    """Goes from page to page until one is the last. A position is JSON, and all that is needed to go on."""

    def next_position(self, answer: Answer, position: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Return the position of the page after this one; None after the last.

        Args:
            answer: The page.
            position: Where it was; None for the first.

        Raises:
            ProviderContractError: The answer leads nowhere, in a circle, or somewhere it may not.
        """
        ...

    def apply(self, position: Mapping[str, Any], draft: Draft) -> None:
        """Ask for the page at a position.

        Raises:
            ProviderContractError: The position was made for another version of the document.
        """
        ...

    def fresh(
        self, answer: Answer, position: Mapping[str, Any] | None, records: Sequence[SourceRecord]
    ) -> Sequence[SourceRecord]:
        """Return those of a page's records that were not on a page before, as far as the position tells."""
        ...


class Place(WireModel):
    """A position that is more than one value, read strictly; the keys of others in it are left alone."""

    model_config = ConfigDict(extra="ignore", strict=True)

    @classmethod
    def of(cls, position: Mapping[str, Any]) -> Self:
        """Read a position.

        Raises:
            ProviderContractError: It was made for another version of the document.
        """
        try:
            return cls.model_validate(position)
        except ValidationError:
            raise foreign_position() from None

    def written(self) -> dict[str, Any]:
        """Return it as JSON, without what is as at the beginning."""
        return self.model_dump(mode="json", exclude_defaults=True)


def foreign_position() -> ProviderContractError:
    """Return the error for a position that another version of the document has left behind."""
    return ProviderContractError("The saved position does not fit the provider's document; start a new sync.")


def leads_nowhere(answer: Answer) -> ProviderContractError:
    """Return the error for a page that is not the last and has no next."""
    return ProviderContractError(f"{answer.place} says that there is more, but not where.")
