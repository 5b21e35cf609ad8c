"""Rounds of: change the server, start a sync, kill -9 the app in a phase, restart, compare with the server.

    python -m tests.integration.kill_rounds --rows 28000 --rounds 50 --seed 1

With `--incremental` a first load is followed by runs of what has changed since, half of the rows, so that
these have several pages; they are what is killed. With `--swept` the server is asked in a way that shows no
tombstones, so that deletions have to be found out. With `--cloud` two instances share the doubles of Azure's
services, one dies, and the other has to go on. Every fifth round starts with an empty data folder, so that
first loads are killed too. What rounds do is decided by their seed alone (`kill_plans`).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import tempfile
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from shared.adapters.catalog import catalog
from shared.backends.system_clock import SystemClock
from tests.doubles.cloud import local_cloud
from tests.integration.app_process import AppProcess
from tests.integration.cloud_apps import CloudApps
from tests.integration.kill_plans import MAX_DELAY_SECONDS, RECORDS_PER_PAGE, Changes, KillPlan, row
from tests.integration.kinto_server import KintoCollection, KintoServer, kinto_executable

PHASES = ("start", "fetch", "map", "write", "quarantine", "checkpoint", "follow-up", "complete")
SWEPT_PHASES = (*PHASES, "sweep")
"""Where the provider tells of deletions by silence only."""

ROUNDS_PER_FOLDER = 5
CATALOG = Path(catalog.__file__).parent
MAPPING = {
    "entity": "record",
    "shardTypeId": "row",
    "fields": [
        {"externalField": name, "shardField": name, "required": name == "name"}
        for name in ("name", "number", "version", "last_modified")
    ],
}
CHANGED_SHARE = {"full": 200, "incremental": 8}
"""One of so many rows is deleted in a round, one is new, two are edited."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did.

    `equal`: every record is as the server has it, or in quarantine where it has no name. `counted`: the run
    counts each change once, however often a page was stored.
    """

    phase: str
    occurrence: int
    died: bool
    status: str
    equal: bool
    counted: bool


class KillRounds:
    """Plays rounds against one server."""

    def __init__(
        self,
        server_url: str,
        rows: KintoCollection,
        app: AppProcess | CloudApps,
        seed: int,
        environment: str,
        *,
        swept: bool,
        incremental: bool,
    ) -> None:
        self._server_url = server_url
        self._rows = rows
        self._app = app
        self._incremental = incremental
        self._mode = "incremental" if incremental else "full"
        self._plan = KillPlan(seed, RECORDS_PER_PAGE[environment], CHANGED_SHARE[self._mode])
        self._provider = _silent_kinto() if swept else None
        self._integration_id = ""

    async def load(self, count: int) -> None:
        """Put the first rows on the server."""
        await self._rows.create()
        await self._rows.put([row(number, 0) for number in range(count)])

    async def play(self, phase: str, *, afresh: bool) -> Round:
        """Play one round; `afresh` starts with an empty data folder."""
        if afresh:
            await self._start_afresh()
        changes = await self._change_server()
        coming = changes.total + changes.rejected if self._incremental else len(await self._rows.all())
        if afresh and not self._incremental:
            changes = Changes(coming - changes.rejected, updated=0, deleted=0, rejected=changes.rejected)
        occurrence, delay = self._plan.death(phase, coming, changes)
        self._app.kill()
        await self._app.start(phase, str(occurrence), f"{delay:.6f}")
        execution_id = await self._start_sync(self._mode)
        died = await self._wait(execution_id)
        if died:
            await self._app.start()
        execution = await self._app.finished(execution_id or await self._last_run())
        equal = await self._app.shards(self._integration_id) == await self._truth()
        equal = equal and await self._app.quarantined(self._integration_id) == await self._nameless()
        counted = all(execution["counts"][name] == count for name, count in asdict(changes).items())
        return Round(phase, occurrence, died, execution["status"], equal, counted)

    async def _start_afresh(self) -> None:
        self._app.kill()
        self._app.forget()
        await self._app.start()
        if self._provider:
            await self._app.add_provider(self._provider)
        new = {
            "providerId": self._provider["id"] if self._provider else "kinto",
            "name": "Rows",
            "settings": {"serverUrl": self._server_url, "bucket": "b", "collection": "rows"},
            "entityMappings": [MAPPING],
        }
        self._integration_id = (await self._app.call("POST", "integrations", new))["id"]
        await self._app.call("POST", f"integrations/{self._integration_id}/activate")
        if self._incremental:
            await self._app.finished(await self._start_sync("full"))

    async def _start_sync(self, mode: str) -> str:
        """Return the run's id; nothing where the app died before it could answer."""
        order = {"mode": mode}
        try:
            started = await self._app.call("POST", f"integrations/{self._integration_id}/sync", order)
        except aiohttp.ClientError:
            return ""
        return str(started["executionId"])

    async def _last_run(self) -> str:
        """Return the id of a run whose starter has died; a message never sent is missed first."""
        runs = await self._app.call("GET", f"integrations/{self._integration_id}/executions?limit=1")
        self._app.kill()
        await self._app.let_silence_pass()
        await self._app.start()
        await self._app.run_timer("SyncScheduler")
        return str(runs["items"][0]["id"])

    async def _change_server(self) -> Changes:
        """Edit, delete and add rows, and one without a name; return what a run finds of it."""
        nameless = await self._nameless()
        edits = self._plan.edits(set(await self._rows.all()) - set(nameless))
        await self._rows.patch({key: {"version": edits.version} for key in edits.patched})
        await self._rows.delete(edits.deleted)
        await self._rows.put(edits.added)
        return Changes(
            created=len(edits.added) - 1,
            updated=len(edits.patched),
            deleted=len(edits.deleted),
            rejected=1 if self._incremental else len(nameless) + 1,
        )

    async def _wait(self, execution_id: str) -> bool:
        """Return whether the app died before the run ended."""
        if not execution_id:
            await self._app.wait_for_death()
            return True
        finished = asyncio.create_task(self._survives(execution_id))
        death = asyncio.create_task(self._app.wait_for_death())
        done, pending = await asyncio.wait({finished, death}, return_when=asyncio.FIRST_COMPLETED)
        if finished in done and finished.result() and not self._app.is_dead:
            await asyncio.sleep(MAX_DELAY_SECONDS * 2)  # a death in the last phase may still be on its way
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return self._app.is_dead

    async def _survives(self, execution_id: str) -> bool:
        try:
            await self._app.finished(execution_id)
        except aiohttp.ClientError:
            await self._app.wait_for_death()
            return False
        return True

    async def _truth(self) -> dict[str, dict[str, Any]]:
        fields = [field["externalField"] for field in MAPPING["fields"]]  # type: ignore[index]
        rows = await self._rows.all()
        return {key: {name: row[name] for name in fields} for key, row in rows.items() if row["name"]}

    async def _nameless(self) -> list[str]:
        return sorted(key for key, row in (await self._rows.all()).items() if not row["name"])


def _silent_kinto() -> dict[str, Any]:
    """Return Kinto as a provider that lists what there is, and never what is gone."""
    document: dict[str, Any] = yaml.safe_load(CATALOG.joinpath("kinto.yaml").read_bytes())
    document["id"] = "silent-kinto"
    record = document["rest"]["entities"]["record"]
    del record["increment"], record["deleted"]
    record["deletions"] = {"sweep": True}
    return document


async def play_rounds(
    folder: Path,
    rows: int,
    phases: list[str],
    seed: int,
    environment: str,
    *,
    swept: bool = False,
    incremental: bool = False,
    cloud: bool = False,
) -> list[Round]:
    """Play one round for each phase named, and return what each did."""
    server = KintoServer(kinto_executable(), folder)
    server.start()
    results = []
    async with AsyncExitStack() as stack:
        stack.callback(server.stop)
        timeout = aiohttp.ClientTimeout(total=300)
        kinto = await stack.enter_async_context(aiohttp.ClientSession(server.url, timeout=timeout))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        app: AppProcess | CloudApps
        if cloud:
            doubles = await stack.enter_async_context(local_cloud(folder, SystemClock(), lock_seconds=5))
            app = await stack.enter_async_context(CloudApps(folder, session, environment, doubles))
        else:
            app = AppProcess(folder, session, environment)
            stack.callback(app.kill)
        rounds = KillRounds(
            server.url,
            KintoCollection(kinto, "b", "rows"),
            app,
            seed,
            environment,
            swept=swept,
            incremental=incremental,
        )
        await rounds.load(rows)
        for number, phase in enumerate(phases):
            results.append(await rounds.play(phase, afresh=number % ROUNDS_PER_FOLDER == 0))
            print(number + 1, results[-1], flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=28_000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--environment", choices=sorted(RECORDS_PER_PAGE), default="production")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--swept", action="store_true")
    kinds.add_argument("--incremental", action="store_true", help="kill runs that read what has changed")
    parser.add_argument("--cloud", action="store_true", help="two instances in azure mode; one of them dies")
    options = parser.parse_args()
    all_phases = SWEPT_PHASES if options.swept else PHASES
    # Another phase comes first in every fifth round, so that each is killed in first loads as well.
    order = random.Random(options.seed)
    phases = [
        phase
        for _ in range(-(-options.rounds // len(all_phases)))
        for phase in order.sample(all_phases, k=len(all_phases))
    ]
    folder = Path(tempfile.mkdtemp(prefix="kill-rounds-"))
    try:
        results = asyncio.run(
            play_rounds(
                folder,
                options.rows,
                phases[: options.rounds],
                options.seed,
                options.environment,
                swept=options.swept,
                incremental=options.incremental,
                cloud=options.cloud,
            )
        )
    finally:
        shutil.rmtree(folder)
    for phase in all_phases:
        mine = [result for result in results if result.phase == phase]
        died = sum(result.died for result in mine)
        equal = sum(result.equal for result in mine)
        counted = sum(result.counted for result in mine)
        print(f"{phase:<10} rounds {len(mine):3}  died {died:3}  equal {equal:3}  counted {counted:3}")


if __name__ == "__main__":
    main()
