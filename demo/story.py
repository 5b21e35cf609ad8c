"""The demonstration from beginning to end."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass
from pathlib import Path

from demo.app import App, SyncResult
from demo.children import ROOT, Children, supervised
from demo.display import Display
from demo.mapping import SHARD_TYPE
from demo.record_server import BUCKET, COLLECTION, LOGIN, RECORDS_PATH, Record, RecordServer, record_id
from demo.servers import AppServer, KintoServer, check_kinto, check_port, free_port, fresh_folder
from demo.verification import check_counts, verify

STEPS = 8

_EDITS, _DELETIONS = 137, 42
_SEED = 20260905
"""Fixed, so that every run edits and deletes the same records."""


@dataclass(frozen=True)
class Options:
    """How to run. `port` 0 means any free one, `records` None all of the data set."""

    port: int
    records: int | None
    once: bool
    data_dir: Path


async def tell(options: Options, display: Display) -> None:
    """Run the demonstration; without `once` it goes on serving until it is cancelled: a good end too.

    Raises:
        DemoError: Something is missing, failed, or differs from what it should be.
    """
    check_kinto()
    port = options.port or free_port()
    check_port(port)
    folder = fresh_folder(options.data_dir / str(port))
    async with supervised(folder) as children:
        await _show(children, AppServer(children, folder, port), folder, options, display)
        if not options.once:
            display.line("\nThe app goes on serving. Ctrl-C ends everything, and the next run starts afresh.")
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()


async def _show(children: Children, app: AppServer, folder: Path, options: Options, display: Display) -> None:
    with display.step("Start the app") as step:
        await app.start()
        step.outcome = f"serves {app.api_url}"
    kinto = KintoServer(children, folder)
    with display.step("Start the record server") as step:
        airports = (await kinto.start())[: options.records]
        step.outcome = f"kinto serves {kinto.url}/v1"
    async with app.client() as api, kinto.client() as server:
        await _load(server, airports, display)
        with display.step("Connect the app with the record server") as step:
            integration_id = await api.connect(kinto.url, BUCKET, COLLECTION)
            step.outcome = f"integration {integration_id} is active"
        results = await _sync_twice(api, integration_id, server, airports, display)
        with display.step("Compare the app with the record server", len(airports)) as step:
            compared = await verify(server.records(), api.shards(integration_id), step.advance)
            step.outcome = f"end state equals the server's, {compared:,} records field by field"
    display.table(results)
    if options.once:
        display.line(f"\nThe logs: {_shown(folder)}/app.log. Without --once the app goes on serving.")
    else:
        _show_next_steps(app, kinto, integration_id, airports[0], folder, display)


async def _load(server: RecordServer, airports: list[Record], display: Display) -> None:
    with display.step("Load airports by the record server's API", len(airports)) as step:
        await server.create_collection()
        await server.put(airports, step.advance)
        step.outcome = f"{len(airports):,} records"


async def _sync_twice(
    api: App, integration_id: str, server: RecordServer, airports: list[Record], display: Display
) -> dict[str, SyncResult]:
    with display.step("First sync", len(airports)) as step:
        first = await api.sync(integration_id, step.show)
        step.outcome = f"{first.counts['created']:,} created"
    check_counts("first", first.counts, read=len(airports), created=len(airports), rejected=0)
    edited, deleted = await _change(server, airports, display)
    with display.step("Second sync", edited + deleted) as step:
        second = await api.sync(integration_id, step.show)
        step.outcome = f"{second.counts['updated']:,} updated, {second.counts['deleted']:,} deleted"
    check_counts("second", second.counts, created=0, updated=edited, deleted=deleted, rejected=0)
    return {"first": first, "second": second}


async def _change(server: RecordServer, airports: list[Record], display: Display) -> tuple[int, int]:
    """Edit some records and delete others; return how many of each."""
    chance = random.Random(_SEED)  # noqa: S311 - which records, not a secret
    edits, deletions = min(_EDITS, len(airports) // 4), min(_DELETIONS, len(airports) // 10)
    chosen = chance.sample(
        airports[1:], edits + deletions
    )  # the first is for the person to edit, see the end
    changes = {
        record_id(airport): {"elevation": airport["elevation"] + chance.randint(1, 500)}
        for airport in chosen[:edits]
    }
    with display.step("Edit and delete on the record server", len(chosen)) as step:
        await server.change(changes, step.advance)
        await server.delete([record_id(airport) for airport in chosen[edits:]], step.advance)
        step.outcome = f"{edits} edited, {deletions} deleted"
    return edits, deletions


def _show_next_steps(
    app: AppServer, kinto: KintoServer, integration_id: str, airport: Record, folder: Path, display: Display
) -> None:
    integration = f"{app.api_url}/integrations/{integration_id}"
    authorized = 'curl -s -H "Authorization: Bearer $TOKEN"'
    record = f"{kinto.url}/v1{RECORDS_PATH}/{record_id(airport)}"
    json_body = "-H 'Content-Type: application/json' -d"
    for line in (
        "",
        "Where to look next (paste these; the tokens are good for 12 hours):",
        f"export TOKEN={app.token}",
        f"export ADMIN={app.admin_token}",
        f"{authorized} '{integration}/shards?type={SHARD_TYPE}&limit=3'",
        f"{authorized} '{integration}/executions'",
        f'curl -s -u {LOGIN} -X PATCH {json_body} \'{{"data": {{"city": "Here"}}}}\' \'{record}\'',
        f"{authorized} -X POST {json_body} '{{\"mode\": \"incremental\"}}' '{integration}/sync'",
        'curl -s -H "Authorization: Bearer $ADMIN" ' + f"'{app.api_url}/providers/kinto'",
        f"The API:  {app.api_url}/openapi.json",
        f"The logs: {_shown(folder)}/app.log, {_shown(folder)}/kinto.log",
    ):
        display.line(line)


def _shown(folder: Path) -> Path:
    return folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
