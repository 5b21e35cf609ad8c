"""What the demonstration shows: its steps with a bar while they last, a table, and where to look next."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from demo.app import SyncResult

COUNTS = ("read", "created", "updated", "unchanged", "deleted", "rejected")


@dataclass
class Step:
    """A step under way. What it sets as `outcome` is shown beside it when it is done."""

    show: Callable[[int], None]
    outcome: str = "done"
    _done: int = 0

    def advance(self, count: int) -> None:
        """Move the bar on by this many."""
        self._done += count
        self.show(self._done)


class Display:
    """Writes to a person's terminal, or plain lines to anything else."""

    def __init__(self, console: Console, steps: int) -> None:
        self._console = console
        self._steps = steps
        self._step = 0

    @contextlib.contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Step]:
        """Show a step; `total` is what its bar counts up to, None if that is unknown."""
        self._step += 1
        label = f"{self._step}/{self._steps} {title}"
        live = self._console.is_terminal
        if not live:
            self.line(f"{label} ...")
        began = time.perf_counter()
        with _bar(self._console, live=live) as bar:
            task = bar.add_task(label, total=total)
            step = Step(lambda done: bar.update(task, completed=done))
            yield step
        head = f"{label}: " if live else "    "
        self.line(f"{head}{step.outcome} ({time.perf_counter() - began:.1f} s)")

    def line(self, text: str = "") -> None:
        """Write a line as it is, never broken: it may be meant for pasting."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def table(self, results: dict[str, SyncResult]) -> None:
        """Show what each sync did."""
        table = Table(box=SIMPLE_HEAD, padding=0)  # so that it fits into 80 columns
        table.add_column("sync")
        for name in (*COUNTS, "seconds", "records/s"):
            table.add_column(name, justify="right", no_wrap=True)
        for name, result in results.items():
            counts = [f"{result.counts[count]:,}" for count in COUNTS]
            table.add_row(name, *counts, f"{result.seconds:.2f}", f"{result.records_per_second:,.0f}")
        self._console.print()
        self._console.print(table)


def _bar(console: Console, *, live: bool) -> Progress:
    if not live:
        return Progress(disable=True, console=Console(quiet=True))
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
