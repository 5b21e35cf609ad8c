"""Listings: how callers page, and what a page looks like."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import Field

from shared.domain.model import WireModel

T = TypeVar("T")


class ListQuery(WireModel):
    """How much of a listing to return, and where to go on."""

    limit: Annotated[int, Field(ge=1, le=200, description="At most so many items.")] = 50
    continuation: Annotated[str | None, Field(max_length=4000, description="From the page before.")] = None


class Listing(WireModel, Generic[T]):
    """One page; `continuation` is null on the last. A page may hold fewer items than asked for."""

    items: tuple[T, ...]
    continuation: str | None
