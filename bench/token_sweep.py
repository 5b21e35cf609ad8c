"""The sweep over connections that are all due, against three token endpoints with limits.

    python -m bench.token_sweep [--connections 10000] [--latency-ms 20]

Documents are SQLite's, secrets stand for a store elsewhere, the servers have a process of their own. Prints
the time, the calls to each provider beside its limit, and the memory of the process that sweeps. Ends with 1
where a connection was not refreshed or a rotated token was used again.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast
from urllib.request import urlopen

import orjson

from bench.due_connections import MadeUpSecrets, fill, providers
from bench.token_server import LIMITS, ROOT, ROTATING, running
from shared.adapters.registry import AdapterRegistry
from shared.backends.embedded.sqlite_documents import SqliteDocumentStore
from shared.backends.opened import Backends
from shared.backends.system_clock import SystemClock
from shared.bootstrap.connections import assemble_connections
from shared.bootstrap.repositories import Repositories
from shared.ports.documents import DocumentStore
from shared.repositories.providers import ProviderRepository
from shared.resilience.lease import Leases
from shared.services.credentials import CredentialVault
from shared.services.token_sweep import SweepReport
from shared.telemetry.logs import configure_logging


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a sweep over connections that are due.")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--latency-ms", type=int, default=20)
    parser.add_argument("--sweep", metavar="FOLDER", type=Path, help="what the process that sweeps is given")
    parser.add_argument("--url", help="the same")
    options = parser.parse_args()
    if options.sweep:
        print(orjson.dumps(asyncio.run(_sweep(options.sweep, options.url))).decode())
        return
    measured, counts = _measured(options.connections, options.latency_ms)
    print("\n".join(_lines(measured, counts)))
    reused = counts[ROTATING]["usedAgain"]
    sys.exit(0 if measured["good"] == options.connections and not reused else 1)


def _measured(connections: int, latency_ms: int) -> tuple[dict[str, Any], dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder, running(latency_ms) as url:
        asyncio.run(_fill(Path(folder), connections))
        command = [sys.executable, "-m", "bench.token_sweep", "--sweep", folder, "--url", url]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
        with urlopen(f"{url}/counts") as answer:
            return orjson.loads(done.stdout.splitlines()[-1]), orjson.loads(answer.read())


async def _fill(folder: Path, connections: int) -> None:
    documents = await SqliteDocumentStore.open(folder / "documents.db", SystemClock())
    try:
        await fill(documents, connections)
    finally:
        await documents.close()


async def _sweep(folder: Path, url: str) -> dict[str, Any]:
    configure_logging("warning")
    async with AsyncExitStack() as stack:
        documents = await SqliteDocumentStore.open(folder / "documents.db", SystemClock())
        stack.push_async_callback(documents.close)
        started_mb = _peak_mb()
        report = await _swept(documents, url, stack)
        cpu = resource.getrusage(resource.RUSAGE_SELF)
        used = {"startedMb": started_mb, "peakMb": _peak_mb(), "cpuSeconds": cpu.ru_utime + cpu.ru_stime}
        return {**report.model_dump(), **used}


async def _swept(documents: DocumentStore, url: str, stack: AsyncExitStack) -> SweepReport:
    clock, secrets = SystemClock(), MadeUpSecrets()

    async def open_secrets() -> MadeUpSecrets:
        return secrets

    adapters = AdapterRegistry(clock, allow_private_addresses=True)
    stack.push_async_callback(adapters.close)
    backends = Backends(
        documents=documents,
        secrets=open_secrets,
        is_one_process=True,
        **dict.fromkeys(("sender", "source", "tokens", "archive", "warm_up"), cast("Any", None)),
    )
    of = Repositories(documents, clock)
    of.providers = ProviderRepository(documents, lambda: providers(url), clock)
    vault, leases = CredentialVault(open_secrets, adapters, clock), Leases(documents, clock, "bench")
    services = assemble_connections(of, backends, vault, adapters, None, leases, clock, stack)
    return await services.sweep.run()


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _lines(measured: dict[str, Any], counts: dict[str, Any]) -> list[str]:
    outcome = ", ".join(f"{measured[name]} {name}" for name in ("due", "good", "failed", "left"))
    return [
        f"{outcome}: {measured['seconds']:.1f} s, {measured['cpuSeconds']:.1f} s of CPU",
        f"memory: {measured['peakMb']:.0f} MB at its peak, {measured['startedMb']:.0f} MB before the sweep",
        "",
        "| provider | calls | a second | limit | most in any second | most at once |",
        "|---|---|---|---|---|---|",
        *(_row(name, limit, counts[name]) for name, limit in LIMITS.items()),
    ]


def _row(name: str, limit: int, seen: dict[str, Any]) -> str:
    mean = seen["calls"] / seen["seconds"] if seen["seconds"] else 0
    most = f"{seen['mostASecond']} | {seen['mostAtOnce']}"
    return f"| {name} | {seen['calls']:,} | {mean:.1f} | {limit} | {most} |"


if __name__ == "__main__":
    main()
