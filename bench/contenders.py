"""Who takes part beside the product: the harness declares them, their environments may be missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

ENVIRONMENTS = ("base", "dlt", "airbyte", "singer")
"""Each has the interpreter that a command names in braces."""

Specs = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Contenders:
    """The contenders of one run.

    Attributes:
        specs: What the harness declares of each that takes part.
        left_out: A sentence for each that was asked for and can't take part.
    """

    specs: Specs
    left_out: tuple[str, ...]

    @classmethod
    def choose(cls, names: Iterable[str], harness: Path, envs: Path) -> Contenders:
        """Choose by name those whose environments are there.

        Raises:
            ValueError: The harness has no contender of a name; lists those that it has.
        """
        declared: Specs = orjson.loads((harness / "contenders.json").read_bytes())
        asked = list(dict.fromkeys(names))
        if unknown := [name for name in asked if name not in declared]:
            raise ValueError(f"no contender {', '.join(unknown)}; the harness has: {', '.join(declared)}")
        missing = {name: _missing(declared[name], envs) for name in asked}
        return cls(
            {name: declared[name] for name in asked if not missing[name]},
            tuple(f"{name} (no {', '.join(paths)})" for name, paths in missing.items() if paths),
        )

    def over_limit(self, scenario: str, records: int) -> dict[str, str]:
        """Return those that the harness does not run with so many records, each with the reason."""
        key = "max_n" if scenario == "first" else "max_n_again"
        limits = {name: spec[key] for name, spec in self.specs.items() if key in spec}
        return {
            name: f"the harness runs it up to {limit:,} records here"
            for name, limit in limits.items()
            if records > limit
        }


def _missing(spec: Mapping[str, Any], envs: Path) -> list[str]:
    command = spec.get("cmd") or spec["sh"]
    used = (envs / name / "bin/python" for name in ENVIRONMENTS if f"{{{name}}}" in command)
    return [str(path) for path in used if not path.is_file()]
