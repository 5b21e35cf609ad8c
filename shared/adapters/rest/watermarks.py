"""Watermarks: read from records or answers, counted back from, and sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from shared.adapters.rest.answers import compile_field
from shared.adapters.rest.drafts import Draft
from shared.adapters.rest.increment import PER_SECOND, WATERMARK, Increment
from shared.adapters.rest.targets import is_target
from shared.domain.errors import ProviderContractError
from shared.domain.model import rfc3339
from shared.domain.sync import Watermark

_PRECISIONS = (
    ("%f", timedelta(milliseconds=1)),  # few APIs keep more
    ("%S", timedelta(seconds=1)),
    ("%M", timedelta(minutes=1)),
    ("%H", timedelta(hours=1)),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_SECONDS = 253_402_300_799  # the end of the year 9999


class Values(Protocol):
    """One type of watermarks."""

    def parse(self, value: Any) -> Watermark:
        """Return a record's value as a watermark. Raises ValueError where it is of another type."""
        ...

    def begin(self, watermark: Watermark, behind_seconds: int) -> Watermark:
        """Return where a run after a watermark begins. Raises ValueError for one of another type."""
        ...

    def moment(self, watermark: Watermark) -> datetime | None:
        """Return the time that a watermark means; None where it is none. Raises ValueError as `begin`."""
        ...

    def at(self, moment: datetime) -> Watermark | None:
        """Return the watermark for a time, or None."""
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

    def accepts(self, watermark: Watermark | None) -> bool:
        """True for what a run can begin at; false for what another version of the document has left."""
        if watermark is None or self._increment.link:
            return watermark is None or is_target(watermark)
        try:
            self._values.begin(watermark, 0)
        except ValueError:
            return False
        return True

    def floor(self, watermark: Watermark | None, behind_seconds: int = 0) -> Watermark | None:
        """Return the watermark below which records are left out here; None where the API filters."""
        if watermark is None or not self._increment.client_side_filter:
            return None
        return self._begin(watermark, behind_seconds)

    def moment(self, watermark: Watermark | None) -> datetime | None:
        """Return the time that a watermark means; None where it is no time."""
        if watermark is None:
            return None
        try:
            return self._values.moment(watermark)
        except ValueError:
            raise foreign_watermark() from None

    def at(self, moment: datetime) -> Watermark | None:
        """Return the watermark for a time; None where watermarks are no times."""
        return self._values.at(moment)

    def apply(self, watermark: Watermark | None, draft: Draft, behind_seconds: int = 0) -> None:
        """Ask for what changed since a watermark, or since so many seconds before it.

        Raises:
            ProviderContractError: The watermark was made for another version of the document.
        """
        increment = self._increment
        if increment.link:
            _follow(watermark, draft)
        if increment.parameter is None:
            return
        value = increment.initial
        if watermark is not None:
            value = self._values.write(self._begin(watermark, behind_seconds))
        if value is not None:
            draft.put(increment.location, increment.parameter, self._written(value))

    def _written(self, value: Watermark) -> Watermark:
        if self._increment.template is not None:
            return self._increment.template.replace(WATERMARK, str(value))
        return f'"{value}"' if self._increment.quoted else value

    def _begin(self, watermark: Watermark, behind_seconds: int) -> Watermark:
        try:
            return self._values.begin(watermark, behind_seconds)
        except ValueError:
            raise foreign_watermark() from None


def _follow(watermark: Watermark | None, draft: Draft) -> None:
    if watermark is None:
        return
    if not is_target(watermark):
        raise foreign_watermark()
    draft.target = str(watermark)


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


def lower(watermark: Watermark | None, ceiling: Watermark | None) -> Watermark | None:
    """Return a watermark, or the ceiling where there is one below it.

    Raises:
        ProviderContractError: The ceiling was made for another version of the document.
    """
    if watermark is None or ceiling is None:
        return watermark
    if type(watermark) is not type(ceiling):
        raise foreign_watermark()
    return min(watermark, ceiling)


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

    def begin(self, watermark: Watermark, behind_seconds: int) -> Watermark:  # noqa: ARG002 - a protocol's
        return watermark

    def moment(self, watermark: Watermark) -> None:
        """A text tells no time."""

    def at(self, moment: datetime) -> None:
        """There is no text for a time."""

    def write(self, watermark: Watermark) -> Watermark:
        return watermark


class _Integers:
    def __init__(self, increment: Increment) -> None:
        self._per_second = PER_SECOND[increment.unit]
        look_back = increment.look_back_seconds * self._per_second
        self._back = look_back + (not _includes_equal(increment))
        self._lowest = increment.initial if isinstance(increment.initial, int) else 0

    def parse(self, value: Any) -> int:
        if type(value) is not int:
            raise ValueError
        return value

    def begin(self, watermark: Watermark, behind_seconds: int) -> int:
        number = self.parse(watermark)
        return max(number - self._back - behind_seconds * self._per_second, min(self._lowest, number))

    def moment(self, watermark: Watermark) -> datetime | None:
        if not self._per_second:
            return None
        seconds = self.parse(watermark) / self._per_second
        return _EPOCH + timedelta(seconds=min(seconds, _LATEST_SECONDS))

    def at(self, moment: datetime) -> int | None:
        seconds = (moment - _EPOCH).total_seconds()
        return int(seconds * self._per_second) if self._per_second else None

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

    def begin(self, watermark: Watermark, behind_seconds: int) -> str:
        back = self._back + timedelta(seconds=behind_seconds)
        return rfc3339(datetime.fromisoformat(str(watermark)) - back)

    def moment(self, watermark: Watermark) -> datetime:
        return datetime.fromisoformat(str(watermark))

    def at(self, moment: datetime) -> str:
        return rfc3339(moment)

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
