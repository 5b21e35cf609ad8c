"""Rounds of: let the access token expire, and let 20 come at once who need another.

    python -m tests.integration.refresh_rounds --rounds 50
    python -m tests.integration.refresh_rounds --rounds 50 --processes 2

The OpenID server rotates refresh tokens and ends a grant when an old one is used; its own events say how
often it was asked. With two processes half of the readers come through each.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.integration.kinto_gate import KintoGate, kinto_gate
from tests.integration.kinto_server import KintoServer, kinto_collection, kinto_executable
from tests.integration.oidc_server import OidcServer, install
from tests.integration.refresh_readers import ROWS, Readers, readers_here, readers_there

READERS = 20
ACCESS_TOKEN_SECONDS = 3
USEFUL_SECONDS = 0.8 * ACCESS_TOKEN_SECONDS
"""A token is renewed when a fifth of its life is left."""

OPENING: Mapping[int, Callable[[Path, Mapping[str, str], str], AbstractAsyncContextManager[Readers]]] = {
    1: readers_here,
    2: readers_there,
}
"""By the number of processes."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did."""

    succeeded: int
    refreshes: int
    seconds: float

    @property
    def is_as_it_must_be(self) -> bool:
        """All succeed, with one refresh; on a slow machine another for each life of a token that it takes."""
        lives = 1 + int(self.seconds / USEFUL_SECONDS)
        return self.succeeded == READERS and 1 <= self.refreshes <= lives


@dataclass(frozen=True, slots=True)
class Outcome:
    """What all rounds did.

    Attributes:
        rounds: Each.
        revoked, errors: How often the server ended the grant, and refused a request for tokens.
        refused: How often the gate let a reader not through.
    """

    rounds: list[Round]
    revoked: int
    errors: int
    refused: int

    @property
    def is_as_it_must_be(self) -> bool:
        return all(each.is_as_it_must_be for each in self.rounds) and not self.revoked and not self.errors


async def play_rounds(script: Path, folder: Path, rounds: int, processes: int) -> Outcome:
    """Play so many rounds in one or two processes."""
    oidc = OidcServer(script, access_token_seconds=ACCESS_TOKEN_SECONDS)
    kinto = KintoServer(kinto_executable(), folder)
    async with AsyncExitStack() as stack:
        stack.callback(oidc.stop)
        oidc.start()
        stack.callback(kinto.stop)
        kinto.start()
        async with kinto_collection(kinto.url, "b", "rows") as rows:
            await rows.put([{"id": f"r{number}", "number": number} for number in range(ROWS)])
        gate = await stack.enter_async_context(kinto_gate(kinto.url, oidc))
        settings = {
            "serverUrl": gate.url,
            "bucket": "b",
            "collection": "rows",
            "authServerUrl": oidc.url,
        }
        allowed = await oidc.allow()
        opening = OPENING[processes](folder, settings, allowed.refresh_token)
        readers = await stack.enter_async_context(opening)
        return await _play(readers, oidc, gate, allowed.grant_id, rounds)


async def _play(readers: Readers, oidc: OidcServer, gate: KintoGate, grant_id: str, rounds: int) -> Outcome:
    played: list[Round] = []
    assert await readers.read(READERS) == READERS  # with the first token, and everything is loaded
    for number in range(rounds):
        await asyncio.sleep(ACCESS_TOKEN_SECONDS)  # its time is the server's, and real
        before = await _refreshes(oidc, grant_id)
        began = time.monotonic()
        succeeded = await readers.read(READERS)
        seconds = time.monotonic() - began
        played.append(Round(succeeded, await _refreshes(oidc, grant_id) - before, seconds))
        print(number + 1, played[-1], flush=True)
    names = [event.name for event in await oidc.events()]
    return Outcome(played, names.count("grant.revoked"), names.count("grant.error"), gate.answers[401])


async def _refreshes(oidc: OidcServer, grant_id: str) -> int:
    events = await oidc.events(grant_id)
    return sum(event.name == "grant.success" and event.kind == "refresh_token" for event in events)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--processes", type=int, choices=sorted(OPENING), default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="refresh-rounds-"))
    try:
        outcome = asyncio.run(play_rounds(install(folder), folder, options.rounds, options.processes))
    finally:
        shutil.rmtree(folder)
    succeeded = sum(each.succeeded for each in outcome.rounds)
    refreshes = [each.refreshes for each in outcome.rounds]
    print(f"rounds {len(refreshes)}  readers {READERS * len(refreshes)}  succeeded {succeeded}")
    print(
        f"refreshes {sum(refreshes)}  rounds with one {refreshes.count(1)}  most in a round {max(refreshes)}"
    )
    print(f"grants revoked {outcome.revoked}  errors {outcome.errors}  refused at the gate {outcome.refused}")


if __name__ == "__main__":
    main()
