"""What was asked of the double, for tests that count requests."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["read", "query", "write", "batch", "changefeed", "metadata"]


@dataclass
class Counters:
    """Sums since the start or the last `reset`.

    Attributes:
        requests: By kind; every request that arrived, refused ones too.
        answers: By kind and status; every answer that was sent.
        charged: Request units, of all answers (estimates; see `charges`).
        charged_by_kind: The same by kind.
        writes: Applied writes by container; each of a batch counts.
    """

    requests: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[Kind, int]] = field(default_factory=Counter)
    charged: float = 0.0
    charged_by_kind: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)

    def answered(self, kind: Kind, status: int, charge: float) -> None:
        self.answers[kind, status] += 1
        self.charged = round(self.charged + charge, 2)
        self.charged_by_kind[kind] += charge  # type: ignore[assignment]

    def reset(self) -> None:
        self.requests.clear()
        self.answers.clear()
        self.charged = 0.0
        self.charged_by_kind.clear()
        self.writes.clear()
