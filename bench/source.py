"""A local source of accounts, about 585 bytes each, by cursor pages that are made as they are asked for.

    python -m bench.source --records 1000000

Prints its URL once it answers, at `/cursor?limit=&cursor=`, and serves until it is terminated. The same
number gives the same record, and nothing is kept: a million of them take no more memory than a page.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

ROOT = Path(__file__).parents[1]
LARGEST_PAGE = 2000
FIRST = ("Anna", "Ben", "Carla", "David", "Elena", "Felix", "Grace", "Hugo")
LAST = ("Keller", "Meier", "Rossi", "Dubois", "Novak", "Silva", "Kowalski")
WORDS = (
    "Alpine",
    "Nordic",
    "Global",
    "United",
    "Prime",
    "Harbor",
    "Summit",
    "Quantum",
    "Cedar",
    "Falcon",
    "Orion",
)
INDUSTRIES = ("Manufacturing", "Retail", "Banking", "Healthcare", "Energy", "Technology", "Media")
CITIES = (("Zurich", "8001", "CH"), ("Lyon", "69001", "FR"), ("Berlin", "10115", "DE"))


@contextmanager
def running(records: int, edited_percent: int = 0) -> Iterator[str]:
    """Serve accounts from a process of its own, some of them edited; gives the URL of the list."""
    command = [sys.executable, "-m", "bench.source", "--records", str(records)]
    command += ["--edited-percent", str(edited_percent)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise SystemExit("the source did not start")
            yield url
        finally:
            process.terminate()


def account(number: int) -> dict[str, Any]:
    mixed = (number * 2654435761 + 97) % 2**32  # neighbours have little in common, and ids come in no order
    first, last = FIRST[mixed % len(FIRST)], LAST[mixed // 16 % len(LAST)]
    word = WORDS[mixed // 256 % len(WORDS)]
    domain = f"{word.lower()}{number % 9973}.example.com"
    city, code, country = CITIES[mixed // 4096 % len(CITIES)]
    days, seconds = divmod(number * 7, 86_400)
    time = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.000Z"
    modified = f"2024-{days // 28 % 12 + 1:02}-{days % 28 + 1:02}T{time}"
    return {
        "id": f"001xx000{mixed:010}AAG",
        "name": f"{word} {last} Holdings {number}",
        "type": "Customer" if number % 3 else "Partner",
        "accountNumber": f"AC-{number:08}",
        "email": f"{first}.{last}@{domain}".lower(),
        "phone": f"+41 44 {mixed % 900 + 100} {mixed // 900 % 90 + 10} {mixed // 81_000 % 90 + 10}",
        "website": f"https://www.{domain}/",
        "industry": INDUSTRIES[mixed // 7 % len(INDUSTRIES)],
        "annualRevenue": mixed / 100,
        "numberOfEmployees": mixed % 20_000,
        "status": "active",
        "owner": {"id": f"005xx{mixed % 200:06}", "name": f"{first} {last}"},
        "address": {"street": f"{1 + number % 240} Station Street", "city": city, "state": country}
        | {"postalCode": code, "country": country},
        "createdDate": f"2023-01-01T{time}",
        "lastModifiedDate": modified,
        "etag": f"{mixed:016x}",
    }


def _shown(number: int, edited_percent: int) -> dict[str, Any]:
    """Return an account as it is now: of a hundred that follow each other the first few were edited."""
    if number % 100 >= edited_percent:
        return account(number)
    return {**account(number), "numberOfEmployees": number % 20_000 + 1, "etag": "edited"}


def _page(records: int, edited_percent: int, query: Any) -> bytes:
    start, limit = int(query.get("cursor", 0)), min(int(query.get("limit", 1000)), LARGEST_PAGE)
    end = min(start + limit, records)
    following = str(end) if end < records else None
    shown = [_shown(number, edited_percent) for number in range(start, end)]
    return orjson.dumps({"records": shown, "nextPageToken": following})


async def _serve(records: int, edited_percent: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(
            body=_page(records, edited_percent, request.query), content_type="application/json"
        )

    app = web.Application()
    app.router.add_get("/cursor", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/cursor", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve accounts by cursor pages.")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--edited-percent", type=int, default=0)
    options = parser.parse_args()
    asyncio.run(_serve(options.records, options.edited_percent))


if __name__ == "__main__":
    main()
