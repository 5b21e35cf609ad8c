"""`make up`: the app in azure mode on this machine, with doubles of Azure's services, until Ctrl-C.

python -m tests.doubles.up [--instances 2] [--port 7071]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from devhost.stop_signals import set_on_signals
from shared.backends.system_clock import SystemClock
from tests.doubles.azurite import ACCOUNT, running_azurite
from tests.doubles.cloud import CONTAINER, LocalCloud, local_cloud

ROOT = Path(__file__).parents[2]
TENANT = "acme"
STOP_SECONDS = 15.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.doubles.up", description="The app in azure mode.")
    parser.add_argument("--instances", type=int, default=2, help="how many share the work (default: 2)")
    parser.add_argument("--port", type=int, default=7071, help="the first one's port (default: 7071)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="castiel-up-") as folder:
        sys.exit(asyncio.run(_serve(Path(folder), options.instances, options.port)))


async def _serve(folder: Path, instances: int, port: int) -> int:
    async with AsyncExitStack() as stack:
        stop = asyncio.Event()
        stack.enter_context(set_on_signals(stop))
        blobs = (
            await asyncio.to_thread(stack.enter_context, running_azurite(folder))
            if shutil.which("npm")
            else None
        )
        cloud = await stack.enter_async_context(local_cloud(folder, SystemClock(), blobs_url=blobs))
        apps = [await _instance(cloud, folder, port + number) for number in range(instances)]
        try:
            _explain(cloud, port, instances, blobs)
            return await _until(stop, apps)
        finally:
            await asyncio.gather(*map(_stop, apps))


async def _instance(cloud: LocalCloud, folder: Path, port: int) -> Process:
    variables = {"INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES": "true", "INTEGRATIONS_LOG_LEVEL": "warning"}
    environment: Mapping[str, str] = {**os.environ, **variables, **cloud.environment}
    command = [
        "-m",
        "devhost",
        "--port",
        str(port),
        "--keys-file",
        str(folder / f"keys-{port}.json"),
        "--quiet",
    ]
    # A process group of its own: Ctrl-C is ours to handle, for all of them.
    return await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, env=environment, start_new_session=True
    )


def _explain(cloud: LocalCloud, port: int, instances: int, blobs: str | None) -> None:
    token = cloud.identity.issue("ada", TENANT, ["tenant_admin"])
    admin = cloud.identity.issue("root", None, ["super_admin"])
    print("The app runs in azure mode; its services are doubles in memory, gone with Ctrl-C:")
    print(
        f"  Cosmos DB {cloud.cosmos.endpoint}   Key Vault {cloud.vault.url}   identity {cloud.identity.url}"
    )
    print(f"  archive {blobs}/{ACCOUNT}/{CONTAINER}" if blobs else "  no archive: Azurite needs npm")
    print(f"TOKEN={token}   # tenant administrator of {TENANT}, an hour")
    print(f"ADMIN={admin}   # super admin, an hour")
    for number in range(instances):
        url = f"http://127.0.0.1:{port + number}/api"
        print(f'  curl -H "Authorization: Bearer $TOKEN" {url}/integrations/health')
    sys.stdout.flush()


async def _until(stop: asyncio.Event, apps: list[Process]) -> int:
    """Return 0 when asked to stop, 1 when an instance ends by itself."""
    stopped = asyncio.create_task(stop.wait())
    ends = [asyncio.create_task(app.wait()) for app in apps]
    await asyncio.wait([stopped, *ends], return_when=asyncio.FIRST_COMPLETED)
    for task in (stopped, *ends):
        task.cancel()
    await asyncio.gather(stopped, *ends, return_exceptions=True)
    return 0 if stop.is_set() else 1


async def _stop(app: Process) -> None:
    if app.returncode is None:
        app.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await app.wait()
        except TimeoutError:
            app.kill()
            await app.wait()


if __name__ == "__main__":
    main()
