"""The command line: options in, an exit code out, and a clean end at any moment."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from demo.children import ROOT
from demo.display import Display
from demo.errors import DemoError
from demo.story import STEPS, Options, tell

_HIGHEST_PORT = 65_535
_INTERRUPTED = 130
"""What shells report for a program that Ctrl-C has ended."""


def run(arguments: Sequence[str]) -> int:
    """Run and return the exit code: 0 shown in full, 1 something is wrong, 130 ended by a signal halfway."""
    given = _parser().parse_args(arguments)
    options = Options(given.port, given.records, given.once, given.data_dir.resolve())
    display = Display(Console(), STEPS)
    try:
        asyncio.run(_until_signalled(options, display))
    except DemoError as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        display.line("demo: ended before it was through.")
        return _INTERRUPTED
    return 0


async def _until_signalled(options: Options, display: Display) -> None:
    story = asyncio.ensure_future(tell(options, display))

    def end() -> None:
        if not story.cancelling():  # a second signal must not disturb the clearing up
            story.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end)
    await story


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Sync real airports from a real record server, twice, and compare."
    )
    parser.add_argument(
        "--port", type=_port, default=7071, help="the app's port, 0 for any free one (default %(default)s)"
    )
    parser.add_argument("--records", type=_ten_or_more, help="how many airports to sync (default: all)")
    parser.add_argument("--once", action="store_true", help="end after the summary instead of serving on")
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=ROOT / ".data" / "demo",
        help="a run empties the folder of its port in here (default: .data/demo)",
    )
    return parser


def _ten_or_more(text: str) -> int:
    count = int(text)
    if count < 10:  # noqa: PLR2004 - fewer leave nothing to delete
        raise argparse.ArgumentTypeError("must be 10 or more")
    return count


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"must be 0 to {_HIGHEST_PORT}")
    return port
