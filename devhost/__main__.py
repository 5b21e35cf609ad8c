"""`python -m devhost`: runs the function app in this folder without the func CLI."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from devhost.errors import StartupError
from devhost.host import Host
from devhost.host_json import read_host_json
from devhost.indexing import index, load_app
from devhost.keys import load_keys
from devhost.local_settings import load_local_settings
from devhost.stop_signals import set_on_signals
from shared.backends.system_clock import SystemClock
from shared.domain.errors import IntegrationError
from shared.ports.queue import MessageSource


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run until a signal; exit with 0 then, and with 1 and a line on standard error if it can't start."""
    options = _parser().parse_args(arguments)
    _log_to_stderr(logging.WARNING if options.quiet else logging.INFO)
    try:
        threads_are_busy = asyncio.run(_serve(_host(options), options))
    except (StartupError, IntegrationError) as error:
        print(f"devhost: {error}", file=sys.stderr)
        sys.exit(1)
    if threads_are_busy:  # the interpreter would wait for them without end
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)
    sys.exit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devhost", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument(
        "--port", type=int, default=7071, help="port, 0 for any free one (default %(default)s)"
    )
    parser.add_argument(
        "--app", default="function_app:app", help="module:name of the app (default %(default)s)"
    )
    parser.add_argument("--host-json", type=Path, default=Path("host.json"), help="default %(default)s")
    parser.add_argument(
        "--local-settings", type=Path, default=Path("local.settings.json"), help="default %(default)s"
    )
    parser.add_argument(
        "--keys-file",
        type=Path,
        default=Path(".data/devhost-keys.json"),
        help="function and admin key, made at the first start (default %(default)s)",
    )
    parser.add_argument(
        "--grace-seconds",
        type=float,
        default=10.0,
        help="what a stop waits for work in hand (default %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="log warnings and errors only")
    return parser


def _host(options: argparse.Namespace) -> Host:
    load_local_settings(options.local_settings, os.environ)
    settings = read_host_json(options.host_json)
    functions = index(load_app(options.app), os.environ)
    return Host(
        functions, settings, load_keys(options.keys_file), _message_source, SystemClock(), random.random
    )


async def _serve(host: Host, options: argparse.Namespace) -> bool:
    """Return whether functions still run on threads after the stop."""
    stop = asyncio.Event()
    threads_are_busy = False
    with set_on_signals(stop):
        try:
            url = await host.start(options.host, options.port, options.grace_seconds)
            print(f"devhost: ready on {url}", file=sys.stderr, flush=True)
            await host.serve_until(stop)
        finally:
            threads_are_busy = await host.stop(options.grace_seconds)
            await _close_app()
    return threads_are_busy


async def _message_source() -> MessageSource:
    from shared.bootstrap import runtime  # noqa: PLC0415 - apps without queues start without the backends

    return (await runtime()).message_source


async def _close_app() -> None:
    """Close what the functions opened; what nobody imported has nothing open."""
    bootstrap = sys.modules.get("shared.bootstrap")
    if bootstrap is not None:
        await bootstrap.close()


def _log_to_stderr(level: int) -> None:
    """Give only the host's own logger a handler: the app sets up its own."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("devhost")
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False


if __name__ == "__main__":
    main()
