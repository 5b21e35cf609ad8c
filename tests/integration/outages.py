"""A minute in which a service is refused, throttled, slow or flapping, on a clock that tests move."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from shared.domain.queues import QUEUES, SYNC_INBOUND_SCHEDULED
from tests.doubles.cosmos import CosmosDouble
from tests.doubles.faults import Fault, never
from tests.doubles.keyvault.server import RunningVault
from tests.doubles.servicebus import conditions
from tests.doubles.servicebus.broker import Broker
from tests.doubles.servicebus.faults import Fault as QueueFault
from tests.doubles.servicebus.faults import Operation
from tests.fakes.clock import FakeClock

OUTAGE_SECONDS = 60.0
TURN_SECONDS = 2.0
"""How long a service stays as it is."""

_ALL = 1_000_000
_AN_HOUR = 3600.0
_QUEUE = QUEUES[SYNC_INBOUND_SCHEDULED].name
_OPERATIONS: tuple[Operation, ...] = ("attach", "send", "settle", "manage")


@dataclass(frozen=True)
class Services:
    """What may fail. `chance` decides where a flapping service does."""

    cosmos: CosmosDouble
    broker: Broker
    vault: RunningVault
    chance: random.Random

    async def mend(self) -> None:
        """End every fault."""
        if not self.cosmos.is_listening:
            await self.cosmos.accept_connections()
        self.cosmos.faults.clear()
        self.broker.faults.clear()
        self.vault.faults.plan = never
        if not self.vault.server.is_listening:
            await self.vault.server.listen()


Trouble = Callable[[Services], Awaitable[None]]
"""Makes a service fail until it is mended."""


class Outage:
    """One service's minute of trouble: `begin` it, and `tick` whenever time has passed."""

    def __init__(self, services: Services, trouble: Trouble, clock: FakeClock) -> None:
        self._services = services
        self._trouble = trouble
        self._clock = clock
        self._end: float | None = None
        self._turn_end = 0.0
        self.is_over = False

    async def begin(self) -> None:
        self._end = self._clock.monotonic() + OUTAGE_SECONDS
        await self._turn()

    async def tick(self) -> None:
        now = self._clock.monotonic()
        if self._end is None or self.is_over:
            return
        if now >= self._end:
            self.is_over = True
            await self._services.mend()
        elif now >= self._turn_end:
            await self._services.mend()
            await self._turn()

    async def _turn(self) -> None:
        self._turn_end = self._clock.monotonic() + TURN_SECONDS
        await self._trouble(self._services)


async def _store_refused(services: Services) -> None:
    await services.cosmos.refuse_connections()


async def _store_throttled(services: Services) -> None:
    services.cosmos.faults.fail(429, times=_ALL, retry_after_ms=2000)


async def _store_slow(services: Services) -> None:
    """Requests are not answered; they are carried out when it is over, as late as that."""
    services.cosmos.faults.hold(times=_ALL)


async def _store_flapping(services: Services) -> None:
    """Some requests succeed; then one fails, or its answer is lost, and so on."""
    faults, chance = services.cosmos.faults, services.chance
    for _ in range(20):
        passed = chance.randrange(12)
        match chance.randrange(5):
            case 0:
                faults.cut(applied=True, skip=passed)
            case 1:
                faults.cut(applied=False, skip=passed)
            case 2:
                faults.fail(503, applied=chance.random() < 0.5, skip=passed)
            case 3:
                faults.fail(429, times=3, skip=passed)
            case _:
                faults.hold(skip=passed)


async def _queue_refused(services: Services) -> None:
    services.broker.faults.refuse_connections = True
    services.broker.drop_connections()


async def _queue_throttled(services: Services) -> None:
    services.broker.faults.refuse_next("send", _QUEUE, conditions.SERVER_BUSY, times=_ALL)


async def _queue_slow(services: Services) -> None:
    """What is asked for is done, but nobody is told."""
    for operation in _OPERATIONS:
        services.broker.faults.add(QueueFault(operation, _QUEUE, times=_ALL, delay_seconds=_AN_HOUR))


async def _queue_flapping(services: Services) -> None:
    """The connection breaks around sends and settlements, or they are refused; in between they are done."""
    faults, chance = services.broker.faults, services.chance
    for operation in ("send", "settle"):
        match chance.randrange(4):
            case 0:
                faults.drop_next(operation, _QUEUE, "before")
            case 1:
                faults.drop_next(operation, _QUEUE, "after")
            case 2:
                faults.refuse_next(operation, _QUEUE, conditions.SERVER_BUSY)
            case _:
                services.broker.drop_connections()


async def _vault_refused(services: Services) -> None:
    await services.vault.server.refuse()


async def _vault_throttled(services: Services) -> None:
    services.vault.faults.plan = lambda _request: Fault.THROTTLED


async def _vault_slow(services: Services) -> None:
    services.vault.faults.plan = lambda _request: Fault.SLOW


async def _vault_flapping(services: Services) -> None:
    """One in nine requests succeeds: a step makes four before it is given up."""
    kinds = (*2 * (Fault.RESET, Fault.CUT, Fault.FAILED, Fault.THROTTLED), None)
    services.vault.faults.plan = lambda _request: services.chance.choice(kinds)


OUTAGES: Mapping[str, Trouble] = {
    "store refused": _store_refused,
    "store throttled": _store_throttled,
    "store slow": _store_slow,
    "store flapping": _store_flapping,
    "queue refused": _queue_refused,
    "queue throttled": _queue_throttled,
    "queue slow": _queue_slow,
    "queue flapping": _queue_flapping,
    "vault refused": _vault_refused,
    "vault throttled": _vault_throttled,
    "vault slow": _vault_slow,
    "vault flapping": _vault_flapping,
}
