"""What a test tells the double to do wrong, and what the double counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tests.doubles.servicebus.conditions import RefusedError

Operation: TypeAlias = Literal["attach", "send", "settle", "manage"]
Drop: TypeAlias = Literal["before", "after"]


@dataclass(slots=True)
class Fault:
    """Something that happens to the next requests of a kind: refused, dropped, or answered late.

    `drop` closes the connection: `before` the request is carried out, or `after`, without the answer.
    """

    operation: Operation
    queue: str
    times: int = 1
    refusal: RefusedError | None = None
    drop: Drop | None = None
    delay_seconds: float = 0.0


class Faults:
    """Faults in waiting."""

    def __init__(self) -> None:
        self.refuse_connections = False
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._waiting.append(fault)

    def refuse_next(self, operation: Operation, queue: str, condition: str, times: int = 1) -> None:
        """Refuse the next requests on a queue with an AMQP condition."""
        self.add(Fault(operation, queue, times, refusal=RefusedError(condition, "as the test wants")))

    def drop_next(self, operation: Operation, queue: str, when: Drop) -> None:
        """Close the connection around the next request on a queue."""
        self.add(Fault(operation, queue, drop=when))

    def delay_next(self, operation: Operation, queue: str, seconds: float) -> None:
        """Answer the next request on a queue late, by the double's clock."""
        self.add(Fault(operation, queue, delay_seconds=seconds))

    def clear(self) -> None:
        """Forget what is left, and let everybody in."""
        self.refuse_connections = False
        self._waiting.clear()

    def take(self, operation: Operation, queue: str) -> Fault | None:
        """Return the fault that a request meets, and count it as met."""
        for fault in self._waiting:
            if fault.operation == operation and fault.queue.lower() == queue:
                fault.times -= 1
                if not fault.times:
                    self._waiting.remove(fault)
                return fault
        return None


@dataclass(frozen=True, slots=True)
class Counters:
    """How often each thing happened, by queue: `counters["sent", "orders"]`."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __getitem__(self, what: tuple[str, str]) -> int:
        return self.counts[what]

    def of(self, queue: str) -> Callable[[str], None]:
        """Return what counts for one queue."""

        def count(what: str) -> None:
            self.counts[what, queue] += 1

        return count
