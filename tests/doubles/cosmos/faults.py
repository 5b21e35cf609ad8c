"""Faults that a test arranges: the next requests fail, wait, or lose their connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from tests.doubles.cosmos.counters import Kind
from tests.doubles.cosmos.errors import THROTTLED, Refused


class Held:
    """Requests that wait until the test lets them go.

    Attributes:
        arrived: Set once one waits.
    """

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self._free = asyncio.Event()

    def release(self) -> None:
        self._free.set()

    async def wait(self) -> None:
        self.arrived.set()
        await self._free.wait()


@dataclass
class Fault:
    """One arrangement; `applied` means that the request is carried out and only its answer is lost.

    Attributes:
        kind: Of the requests that it hits; None for any that deals with items. Metadata is hit only by name,
            because the SDK caches it and asks for it when it likes.
        container: Only requests to this container, or None.
        skip: So many matching requests pass first.
        times: So many are hit.
    """

    kind: Kind | None
    container: str | None
    skip: int
    times: int
    refusal: Refused | None = None
    cut: bool = False
    applied: bool = False
    seconds: float = 0.0
    held: Held | None = None

    def hits(self, kind: Kind, container: str | None) -> bool:
        if self.times == 0 or (self.container is not None and self.container != container):
            return False
        if kind != self.kind and (self.kind is not None or kind == "metadata"):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass
class Faults:
    """The arrangements of a test. Those made first are used up first; one request meets one of them."""

    _arranged: list[Fault] = field(default_factory=list)

    def fail(
        self,
        status: int,
        *,
        times: int = 1,
        kind: Kind | None = None,
        container: str | None = None,
        skip: int = 0,
        substatus: int | None = None,
        retry_after_ms: int | None = None,
        applied: bool = False,
    ) -> None:
        """Answer with a status: 408, 410, 429, 449, 500, 503; a 429 has `retry_after_ms`, 1 unless given."""
        if substatus is None:
            substatus = THROTTLED if status == 429 else 0
        if status == 429 and retry_after_ms is None:
            retry_after_ms = 1
        headers = {} if retry_after_ms is None else {"x-ms-retry-after-ms": str(retry_after_ms)}
        refusal = Refused(status, "A fault that a test arranged.", substatus=substatus, headers=headers)
        self._arranged.append(Fault(kind, container, skip, times, refusal=refusal, applied=applied))

    def cut(
        self,
        *,
        applied: bool,
        times: int = 1,
        kind: Kind | None = None,
        container: str | None = None,
        skip: int = 0,
    ) -> None:
        """Cut the connection instead of answering: before the request is carried out, or after it."""
        self._arranged.append(Fault(kind, container, skip, times, cut=True, applied=applied))

    def delay(
        self,
        seconds: float,
        *,
        times: int = 1,
        kind: Kind | None = None,
        container: str | None = None,
        skip: int = 0,
    ) -> None:
        """Wait on the double's clock before a request is carried out."""
        self._arranged.append(Fault(kind, container, skip, times, seconds=seconds))

    def hold(
        self, *, times: int = 1, kind: Kind | None = None, container: str | None = None, skip: int = 0
    ) -> Held:
        """Let requests wait, before they are carried out, until `Held.release`."""
        held = Held()
        self._arranged.append(Fault(kind, container, skip, times, held=held))
        return held

    def clear(self) -> None:
        """Forget what is left; let go what waits."""
        for fault in self._arranged:
            if fault.held is not None:
                fault.held.release()
        self._arranged.clear()

    def next(self, kind: Kind, container: str | None) -> Fault | None:
        return next((fault for fault in self._arranged if fault.hits(kind, container)), None)
