"""Noticing that a walk goes in a circle, whatever its length, by remembering one place of it."""

from __future__ import annotations

from shared.domain.model import WireModel


class Recurrence(WireModel):
    """Compares each place with an earlier one, after 1, 2, 4, 8 ... places with a later one (Brent, 1980).

    A circle of any length is found within about three times its length and the way to it.

    Attributes:
        mark: Of the place remembered.
        age: How many places ago that was.
        span: At this age, another one is remembered instead.
        times: How often the walk came back to it.
    """

    mark: str = ""
    age: int = 0
    span: int = 1
    times: int = 0

    def after(self, mark: str) -> Recurrence:
        """Return the state after one more place."""
        if mark == self.mark:
            return self.model_copy(update={"age": self.age + 1, "times": self.times + 1})
        if self.age + 1 >= self.span:
            return Recurrence(mark=mark, span=2 * self.span)
        return self.model_copy(update={"age": self.age + 1})
