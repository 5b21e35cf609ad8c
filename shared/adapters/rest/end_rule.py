"""What an answer says about being the last page."""

from __future__ import annotations

from shared.adapters.rest.answers import Answer, compile_path
from shared.adapters.rest.pagination import EndConditions
from shared.domain.errors import ProviderContractError


class EndRule:
    """The end conditions of a document."""

    def __init__(self, end: EndConditions) -> None:
        self._end = end
        self._done, self._more = compile_path(end.done), compile_path(end.more)
        self._total = compile_path(end.total)

    @property
    def counts(self) -> bool:
        """Whether the records of the pages before matter."""
        return self._end.total is not None

    def is_last(self, answer: Answer, read: int) -> bool | None:
        """Return what the answer says of itself; None when it says nothing.

        Args:
            answer: The page.
            read: How many records the pages up to this one have, each counted once.

        Raises:
            ProviderContractError: A condition's place holds a value of another type.
        """
        done, more = self._flag(answer, "done"), self._flag(answer, "more")
        total = self._read_total(answer)
        is_short = self._end.short_page and answer.asked is not None and answer.count < answer.asked
        is_empty = self._end.empty_page and answer.count == 0
        if done or more is False or is_short or is_empty or (total is not None and read >= total):
            return True
        return False if done is False or more else None

    def _flag(self, answer: Answer, name: str) -> bool | None:
        value = (self._done if name == "done" else self._more)(answer.body)
        if value is None or isinstance(value, bool):
            return value
        raise self._breach(answer, name, "neither true nor false")

    def _read_total(self, answer: Answer) -> int | None:
        total = self._total(answer.body)
        if total is None or type(total) is int:
            return total
        raise self._breach(answer, "total", "no whole number")

    def _breach(self, answer: Answer, name: str, what: str) -> ProviderContractError:
        return ProviderContractError(
            f"{answer.place} has {what} at `{getattr(self._end, name)}`;"
            f" correct `end.{name}` in the provider's document."
        )
