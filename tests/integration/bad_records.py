"""One record in a hundred is bad: what becomes of it, from quarantine to replay under a mended mapping.

    python -m tests.integration.bad_records --rows 100000 --seed 1

A source over HTTP, the whole app in this process, six stages; after each, the quarantine and every shard are
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
        self._malformed = {
            number: kind.external_id(records.whole(number)) for number, kind in records.malformed.items()
        }

    async def play(self, url: str, page: int) -> list[Stage]:
        """Connect the source at `url`, in pages of `page` records, and play all stages."""
        await self._connect(url, page)
        malformed, rejected = len(self._malformed), len(self._malformed) + len(self._records.bad)
        good = self._records.rows - rejected
        created = await self._sync("first run", "partial", mended=False, created=good, rejected=rejected)
        again = await self._sync("second run", "partial", mended=False, unchanged=good, rejected=rejected)
        await self._call("PATCH", self._path, {"entityMappings": [mapping(mended=True)]})
        replayed = await self._replay(max(1, len(self._records.bad) // 3))
        good += len(self._records.bad)
        after = await self._sync("run after", "partial", mended=True, unchanged=good, rejected=malformed)
        self._records.source_mended = True
        mended = await self._sync(
            "source mended", "succeeded", mended=True, unchanged=good, created=malformed
        )
        return [created, again, replayed, after, mended, await self._discard()]

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
        right = {"read": self._records.rows, **counts}
        stage.expect("counts", {name: count for name, count in execution["counts"].items() if count}, right)
        quality = execution["quality"]["validationErrors"]
        found = Counter({(each.get("field"), each["error"]): each["count"] for each in quality})
        stage.expect("validation errors", found, self._reason_counts(mended=mended))
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
        right = Counter(stored=len(self._records.bad), notReplayable=len(self._malformed))
        stage.expect("counts", +total, right)
        await self._compare(stage, mended=True)
        return stage

    async def _discard(self) -> Stage:
        """Discard what is left: records without an id, which nothing that arrives can be told to be."""
        started = time.perf_counter()
        left = [item async for item in self._items("quarantine")]
        for item in left:
            await self._call("POST", f"quarantine/{item['id']}/discard")
        stage = Stage("discard", time.perf_counter() - started)
        nameless = sum(kind.is_nameless for kind in self._records.malformed.values())
        stage.expect("discarded", len(left), nameless)
        stage.expect("entries", [item async for item in self._items("quarantine")], [])
        return stage

    async def _compare(self, stage: Stage, *, mended: bool) -> None:
        """Compare the quarantine and all shards with what they have to be."""
        bad = {} if mended else self._records.bad
        reasons = {external_id(key): kind.reasons for key, kind in bad.items()}
        reasons |= {
            self._malformed[key]: frozenset({(None, kind.code)})
            for key, kind in self._records.malformed.items()
            if kind.is_nameless or not self._records.source_mended
        }
        entries = [item async for item in self._items("quarantine")]
        stage.expect("quarantine", {item["externalId"]: _reasons(item) for item in entries}, reasons)
        stage.expect("entries", len(entries), len(reasons))
        shards = {item["source"]["externalId"]: item["data"] async for item in self._items("shards")}
        gone = {*bad, *(() if self._records.source_mended else self._malformed)}
        there = (key for key in range(self._records.rows) if key not in gone)
        stage.expect("shards", shards, {external_id(key): self._records.shard(key) for key in there})

    def _reason_counts(self, *, mended: bool) -> Counter[tuple[str | None, str]]:
        malformed = () if self._records.source_mended else self._records.malformed.values()
        bad = () if mended else self._records.bad.values()
        found = Counter[tuple[str | None, str]]((None, kind.code) for kind in malformed)
        return found + Counter(reason for kind in bad for reason in kind.reasons)

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
    records = BadRecords(options.rows, options.seed)
    codes = {code for kind in records.bad.values() for _, code in kind.reasons}
    codes |= {kind.code for kind in records.malformed.values()}
    bad = len(records.bad) + len(records.malformed)
    times = ", ".join(f"{stage.name} {stage.seconds:.1f} s" for stage in stages)
    verdict = "all as it has to be" if not wrong else "\n".join(["WRONG", *wrong])
    print(f"{options.rows:,} records, {bad:,} bad by {len(codes)} codes; {times}: {verdict}")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
