"""Watermarks: read from records or answers, counted back from, and sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from shared.adapters.rest.answers import Answer, compile_field, compile_source, place_of
from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.increment import Increment
from shared.domain.errors import ProviderContractError
from shared.domain.model import rfc3339
from shared.domain.sync import Watermark

_PRECISIONS = (
    ("%f", timedelta(milliseconds=1)),  # few APIs keep more
    ("%S", timedelta(seconds=1)),
    ("%M", timedelta(minutes=1)),
    ("%H", timedelta(hours=1)),
)
_PER_SECOND = {"seconds": 1, "milliseconds": 1_000, None: 0}


class Values(Protocol):
    """One type of watermarks."""

    def parse(self, value: Any) -> Watermark:
        """Return a record's value as a watermark. Raises ValueError where it is of another type."""
        ...

    def begin(self, watermark: Watermark) -> Watermark:
        """Return where a run after a watermark begins. Raises ValueError for one of another type."""
        ...

    def write(self, watermark: Watermark) -> Watermark:
        """Return a watermark as it stands in a request."""
        ...


class WatermarkReader:
    """One entity's watermarks."""

    def __init__(self, increment: Increment) -> None:
        self._increment = increment
        self._values = _values_of(increment)
        self.field = compile_field(increment.field)

    def parse(self, value: Any) -> Watermark:
        """Return a value of the increment's field as a watermark. Raises ValueError for another type."""
        return self._values.parse(value)

    def floor(self, watermark: Watermark | None) -> Watermark | None:
        """Return the watermark below which records are left out here; None where the API filters."""
        if watermark is None or not self._increment.client_side_filter:
            return None
        return self._begin(watermark)

    def apply(self, watermark: Watermark | None, draft: Draft) -> None:
        """Ask for what changed since a watermark.

        Raises:
            ProviderContractError: The watermark was made for another version of the document.
        """
        increment = self._increment
        if increment.parameter is None:
            return
        value = increment.initial if watermark is None else self._values.write(self._begin(watermark))
        if value is not None:
            text = f'"{value}"' if increment.quoted else value
            draft.put(increment.location, increment.parameter, text)

    def _begin(self, watermark: Watermark) -> Watermark:
        try:
            return self._values.begin(watermark)
        except ValueError:
            raise foreign_watermark() from None


def token_reader(increment: Increment | None) -> Callable[[Answer], Watermark | None]:
    """Return a function that takes an opaque watermark from the last page, where the document has one."""
    if increment is None or increment.token is None:
        return lambda _: None
    source = increment.token
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


def higher(position: Mapping[str, Any] | None, here: Watermark | None) -> Watermark | None:
    """Return the highest watermark of the pages before, kept in the position, and of this one.

    Raises:
        ProviderContractError: The position was made for another version of the document.
    """
    before = (position or {}).get("watermark")
    if before is None or here is None:
        return before if here is None else here
    if type(before) is not type(here):
        raise foreign_watermark()
    return max(before, here)


def foreign_watermark() -> ProviderContractError:
    """Return the error for a watermark that another version of the document has left behind."""
    return ProviderContractError(
        "The saved watermark does not fit the provider's document; start a new sync, in full."
    )


def _values_of(increment: Increment) -> Values:
    if increment.value_type == "integer":
        return _Integers(increment)
    return _DateTimes(increment) if increment.value_type == "dateTime" else _Texts()


class _Texts:
    """Sent as they are: nothing can be taken from them."""

    def parse(self, value: Any) -> str:
        if type(value) is not str:
            raise ValueError
        return value

    def begin(self, watermark: Watermark) -> Watermark:
        return watermark

    def write(self, watermark: Watermark) -> Watermark:
        return watermark


class _Integers:
    def __init__(self, increment: Increment) -> None:
        look_back = increment.look_back_seconds * _PER_SECOND[increment.unit]
        self._back = look_back + (not _includes_equal(increment))
        self._lowest = increment.initial if isinstance(increment.initial, int) else 0

    def parse(self, value: Any) -> int:
        if type(value) is not int:
            raise ValueError
        return value

    def begin(self, watermark: Watermark) -> int:
        number = self.parse(watermark)
        return max(number - self._back, min(self._lowest, number))

    def write(self, watermark: Watermark) -> Watermark:
        return watermark


class _DateTimes:
    """Kept in UTC with microseconds, so that text order is time order whatever the provider writes."""

    def __init__(self, increment: Increment) -> None:
        self._format = increment.format
        step = timedelta() if _includes_equal(increment) else _precision(increment.format)
        self._back = timedelta(seconds=increment.look_back_seconds) + step

    def parse(self, value: Any) -> str:
        if type(value) is not str:
            raise ValueError
        try:
            return rfc3339(self._moment(value))
        except OverflowError:  # the year 1 in an eastern zone, or 9999 in a western one
            raise ValueError from None

    def begin(self, watermark: Watermark) -> str:
        return rfc3339(datetime.fromisoformat(str(watermark)) - self._back)

    def write(self, watermark: Watermark) -> str:
        moment = datetime.fromisoformat(str(watermark))
        if self._format is None:
            return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return moment.strftime(self._format)

    def _moment(self, value: str) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            if self._format is None:
                raise
            moment = datetime.strptime(value, self._format)  # noqa: DTZ007 - the zone is added below
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _includes_equal(increment: Increment) -> bool:
    """A filter of ours includes equal values; the API's does where its document says so."""
    return increment.inclusive or increment.client_side_filter


def _precision(pattern: str | None) -> timedelta:
    if pattern is None:
        return timedelta(milliseconds=1)
    return next((step for letter, step in _PRECISIONS if letter in pattern), timedelta(days=1))
