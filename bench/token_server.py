"""Three authorisation servers in a process of their own, which count how they are asked.

    python -m bench.token_server --latency-ms 20

Prints its URL once it answers: `POST /{provider}/token`, and `GET /counts`. Refresh tokens of the provider
`ships` rotate, and one that was used before is counted. It serves until it is terminated.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

ROOT = Path(__file__).parents[1]
LIMITS = {"boats": 30, "cars": 20, "ships": 10}
"""Requests a second that each provider allows, all its integrations together."""

ROTATING = "ships"


@contextmanager
def running(latency_ms: int) -> Iterator[str]:
    """Serve from a process of its own; gives the URL."""
    command = [sys.executable, "-m", "bench.token_server", "--latency-ms", str(latency_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise SystemExit("the token server did not start")
            yield url
        finally:
            process.terminate()


class _Provider:
    """What one has seen."""

    def __init__(self) -> None:
        self.calls = 0
        self.used: set[str] = set()
        self.used_again = 0
        self.at_once = 0
        self.most_at_once = 0
        self.most_a_second = 0
        self.first = self.last = 0.0
        self._second: deque[float] = deque()

    def arrive(self, token: str) -> None:
        now = time.monotonic()
        self.calls += 1
        self.first, self.last = self.first or now, now
        self.used_again += token in self.used
        self.used.add(token)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self._second.append(now)
        while self._second[0] <= now - 1:
            self._second.popleft()
        self.most_a_second = max(self.most_a_second, len(self._second))

    def shown(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "seconds": self.last - self.first,
            "mostAtOnce": self.most_at_once,
            "mostASecond": self.most_a_second,
            "usedAgain": self.used_again,
        }


async def _serve(latency_ms: int) -> None:
    providers = {name: _Provider() for name in LIMITS}

    async def grant(request: web.Request) -> web.Response:
        name = request.match_info["provider"]
        seen = providers[name]
        (token,) = parse_qs(await request.text())["refresh_token"]
        seen.arrive(token)
        await asyncio.sleep(latency_ms / 1000)
        seen.at_once -= 1
        answer = {"access_token": f"access-{seen.calls}", "token_type": "Bearer", "expires_in": 86_400}
        rotated = {"refresh_token": f"{token}.next"} if name == ROTATING else {}
        return web.json_response({**answer, **rotated})

    async def counts(request: web.Request) -> web.Response:
        del request  # there is one answer
        return web.json_response({name: seen.shown() for name, seen in providers.items()})

    app = web.Application()
    app.router.add_post("/{provider}/token", grant)
    app.router.add_get("/counts", counts)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the token endpoints of three providers.")
    parser.add_argument("--latency-ms", type=int, default=20)
    asyncio.run(_serve(parser.parse_args().latency_ms))


if __name__ == "__main__":
    main()
