"""One record in a hundred is bad: what becomes of it, from quarantine to replay under a mended mapping.

    python -m tests.integration.bad_records --rows 100000 --seed 1

A source over HTTP, the whole app in this process, four stages; after each, the quarantine and every shard are
read over the API and compared with what they have to be. Exits with 1 where something is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shared.domain.caller import Role
from tests.integration.bad_kinds import BadRecords, external_id, mapping
from tests.integration.bad_source import bad_source, document
from tests.unit.functions.live_app import LiveApp, live_app

PAGE = 200
RUN_TIMEOUT_SECONDS = 600.0
POLL_SECONDS = 0.05


@dataclass(slots=True)
class Stage:
    """One thing that was done, how long it took, and what was not as it has to be."""

    name: str
    seconds: float
    wrong: list[str] = field(default_factory=list)

    def expect(self, what: str, found: Any, right: Any) -> None:
        if found != right:
            self.wrong.append(f"{what}: {_difference(found, right)}")


class BadRecordsRig:
    """Plays the stages against a running app."""

    def __init__(self, app: LiveApp, records: BadRecords) -> None:
        self._app = app
        self._records = records
        self._path = ""
        self._rejected = len(records.bad)
        self._good = records.rows - self._rejected

    async def play(self, url: str, page: int) -> list[Stage]:
        """Connect the source at `url`, in pages of `page` records, and play all stages."""
        await self._connect(url, page)
        created = await self._sync("first run", "partial", mended=False, created=self._good)
        again = await self._sync("second run", "partial", mended=False, unchanged=self._good)
        await self._call("PATCH", self._path, {"entityMappings": [mapping(mended=True)]})
        replayed = await self._replay(max(1, self._rejected // 3))
        after = await self._sync("run after", "succeeded", mended=True, unchanged=self._records.rows)
        return [created, again, replayed, after]

    async def _connect(self, url: str, page: int) -> None:
        root = self._app.client(Role.SUPER_ADMIN, tenant=None)
        assert (await root.call("POST", "providers", document(page))).status == 201
        new = {"providerId": "people", "name": "People", "settings": {"serverUrl": url}}
        made = await self._call("POST", "integrations", {**new, "entityMappings": [mapping(mended=False)]})
        self._path = f"integrations/{made['id']}"
        await self._call("POST", f"{self._path}/activate")

    async def _sync(self, name: str, status: str, *, mended: bool, **counts: int) -> Stage:
        """Run a sync, which has to end with this status and these counts, and no others but zeros."""
        started = time.perf_counter()
        execution = await self._ended((await self._call("POST", f"{self._path}/sync", {}))["executionId"])
        stage = Stage(name, time.perf_counter() - started)
        stage.expect("status", execution["status"], status)
        right = {"read": self._records.rows, **counts} | ({} if mended else {"rejected": self._rejected})
        stage.expect("counts", {name: count for name, count in execution["counts"].items() if count}, right)
        quality = execution["quality"]["validationErrors"]
        found = Counter({(each.get("field"), each["error"]): each["count"] for each in quality})
        stage.expect("validation errors", found, Counter() if mended else self._reason_counts())
        await self._compare(stage, mended=mended)
        return stage

    async def _replay(self, limit: int) -> Stage:
        """Replay the quarantine by calls for `limit` entries, until one says that none are left."""
        started, total = time.perf_counter(), Counter[str]()
        continuation: str | None = None
        while True:
            order = {"limit": limit, "continuation": continuation}
            answer = await self._call("POST", f"{self._path}/quarantine/replay", order)
            continuation = answer.pop("continuation")
            total.update({"calls": 1, **answer})
            if continuation is None:
                break
        stage = Stage(f"replay in {total.pop('calls')} calls", time.perf_counter() - started)
        stage.expect("counts", +total, Counter(stored=self._rejected))
        await self._compare(stage, mended=True)
        return stage

    async def _compare(self, stage: Stage, *, mended: bool) -> None:
        """Compare the quarantine and all shards with what they have to be."""
        bad = {} if mended else self._records.bad
        reasons = {external_id(key): kind.reasons for key, kind in bad.items()}
        entries = [item async for item in self._items("quarantine")]
        stage.expect("quarantine", {item["externalId"]: _reasons(item) for item in entries}, reasons)
        stage.expect("entries", len(entries), len(reasons))
        shards = {item["source"]["externalId"]: item["data"] async for item in self._items("shards")}
        there = (key for key in range(self._records.rows) if mended or key not in bad)
        stage.expect("shards", shards, {external_id(key): self._records.shard(key) for key in there})

    def _reason_counts(self) -> Counter[tuple[str | None, str]]:
        return Counter(reason for kind in self._records.bad.values() for reason in kind.reasons)

    async def _ended(self, execution_id: str) -> Any:
        async with asyncio.timeout(RUN_TIMEOUT_SECONDS):
            while True:
                execution = await self._call("GET", f"executions/{execution_id}")
                if execution["status"] not in {"queued", "running"}:
                    return execution
                await asyncio.sleep(POLL_SECONDS)

    async def _items(self, what: str) -> AsyncIterator[Any]:
        following: str | None = ""
        while following is not None:
            more = following and f"&continuation={following}"
            page = await self._call("GET", f"{self._path}/{what}?limit={PAGE}{more}")
            for item in page["items"]:
                yield item
            following = page["continuation"]

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self._app.admin.call(method, path, body)
        assert answer.status < 400, answer.body
        return answer.body


def _reasons(entry: Mapping[str, Any]) -> frozenset[tuple[str | None, str]]:
    return frozenset((reason["field"], reason["code"]) for reason in entry["reasons"])


def _difference(found: Any, right: Any) -> str:
    """Describe a difference; of large collections by their first members that differ."""
    if not isinstance(found, dict) or not isinstance(right, dict):
        return f"{found!r} instead of {right!r}"
    keys = [key for key in found.keys() | right.keys() if found.get(key) != right.get(key)]
    shown = [f"{key}: {found.get(key)!r:.200} instead of {right.get(key)!r:.200}" for key in keys[:3]]
    return f"{len(keys)} differ: {'; '.join(shown)}"


async def play(folder: Path, rows: int, seed: int, page: int, environment: str) -> list[Stage]:
    """Play all stages with an app of its own; return what each found."""
    records = BadRecords(rows, seed)
    with pytest.MonkeyPatch.context() as patch:
        settings = [("ENVIRONMENT", environment)]
        async with live_app(folder, patch, settings) as app, bad_source(records) as url:
            return await BadRecordsRig(app, records).play(url, page)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bad-records-") as folder:
        stages = asyncio.run(play(Path(folder), options.rows, options.seed, 1000, "production"))
    wrong = [f"{stage.name}: {each}" for stage in stages for each in stage.wrong]
    kinds = BadRecords(options.rows, options.seed).bad.values()
    codes = {code for kind in kinds for _, code in kind.reasons}
    times = ", ".join(f"{stage.name} {stage.seconds:.1f} s" for stage in stages)
    verdict = "all as it has to be" if not wrong else "\n".join(["WRONG", *wrong])
    print(f"{options.rows:,} records, {len(kinds):,} bad by {len(codes)} codes; {times}: {verdict}")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
