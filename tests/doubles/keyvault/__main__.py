"""`python -m tests.doubles.keyvault --port N`: a vault until it is killed. Prints "ready" once it listens."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from shared.backends.system_clock import SystemClock
from tests.doubles.keyvault.server import running_vault


async def main(port: int, folder: Path) -> None:
    async with running_vault(folder, SystemClock(), port=port):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.doubles.keyvault", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--folder", type=Path, help="where the certificate goes, server.pem; a new one without it"
    )
    arguments = parser.parse_args()
    try:
        asyncio.run(main(arguments.port, arguments.folder or Path(tempfile.mkdtemp(prefix="keyvault-"))))
    except KeyboardInterrupt:
        sys.exit(0)
