"""What requests to a metered store cost, summed for the work that causes them.

Cosmos DB charges each request in request units (RU); 1 RU is a read of 1 KB by its id.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class ChargeMeter:
    """A running sum: `units` in RU, and the number of `requests`, refused ones included."""

    units: float = 0.0
    requests: int = 0

    def add(self, units: float) -> None:
        """Add one request."""
        self.units += units
        self.requests += 1


_meters: ContextVar[tuple[ChargeMeter, ...]] = ContextVar("charge_meters", default=())


@contextmanager
def metered() -> Iterator[ChargeMeter]:
    """Give a meter of everything that happens inside, in the tasks that are started inside too.

    Meters may be nested; each counts all that happens within it.
    """
    meter = ChargeMeter()
    token = _meters.set((*_meters.get(), meter))
    try:
        yield meter
    finally:
        _meters.reset(token)


def units_so_far() -> float:
    """Return the sum, in RU, of the innermost meter that is open around this work; 0 without one."""
    meters = _meters.get()
    return meters[-1].units if meters else 0.0


def add_charge(units: float) -> None:
    """Add one request's charge to every meter that is open around this work."""
    for meter in _meters.get():
        meter.add(units)
