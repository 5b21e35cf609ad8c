"""Indexing policies, as far as they decide by what can be sorted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.doubles.cosmos.errors import bad_request
from tests.doubles.cosmos.query_values import Path

DEFAULT_POLICY: Mapping[str, Any] = {
    "indexingMode": "consistent",
    "automatic": True,
    "includedPaths": [{"path": "/*"}],
    "excludedPaths": [{"path": '/"_etag"/?'}],
}

Pattern = tuple[Path, bool]
"""Names from the root, and whether all that is below them is meant (`/*`) or only the value there (`/?`)."""


@dataclass(frozen=True)
class Index:
    """Which paths have an index: of those that match, the most precise one decides."""

    included: tuple[Pattern, ...]
    excluded: tuple[Pattern, ...]

    @classmethod
    def parse(cls, policy: Mapping[str, Any]) -> Index:
        """Read a policy.

        Raises:
            Refused: 400; a path is wrong, or the root path `/*` is in neither part.
        """
        if policy.get("indexingMode") == "none":
            return cls((), (((), True),))
        included = tuple(_pattern(entry) for entry in policy.get("includedPaths") or [])
        excluded = tuple(_pattern(entry) for entry in policy.get("excludedPaths") or [])
        if ((), True) not in (*included, *excluded):
            raise bad_request(
                'The special mandatory indexing path "/" is not provided in any of the path sets.'
            )
        return cls(included, excluded)

    def check_order(self, path: Path | None) -> None:
        """Pass if items can be sorted by this path.

        Raises:
            Refused: 400; the path has no index.
        """
        if path is not None and _precision(self.included, path) <= _precision(self.excluded, path):
            raise bad_request(
                f"The index path corresponding to the order-by item is excluded: {'/'.join(path)}."
            )


def _pattern(entry: Any) -> Pattern:
    path = entry.get("path") if isinstance(entry, dict) else None
    if not isinstance(path, str) or path[:1] != "/" or path[-2:] not in {"/*", "/?"}:
        raise bad_request(f"The indexing path is invalid: {entry!r}.")
    return tuple(name.strip('"') for name in path[1:-2].split("/") if name), path.endswith("*")


def _precision(patterns: tuple[Pattern, ...], path: Path) -> float:
    matching = [
        len(names) + (0.0 if below else 0.5)
        for names, below in patterns
        if (path[: len(names)] == names if below else path == names)
    ]
    return max(matching, default=-1.0)
