"""Rounds of: connect, kill -9 a process in a phase of its refresh, and let another process refresh.

    python -m tests.integration.refresh_kills --rounds 180 --seed 1

The server rotates refresh tokens, and the use of an old one ends the grant. So a grant is lost where the
process died after the server had answered and before the new token was stored, and may be lost nowhere else.
What a round does is decided by its seed alone, but for how far a process comes in a few milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from shared.backends.system_clock import SystemClock
from shared.domain.errors import CredentialsRejectedError
from tests.integration.app_process import ROOT
from tests.integration.oidc_server import Allowed, OidcServer, install
from tests.integration.oidc_world import PERSON, OidcWorld, account_provider, oidc_world

PHASES = ("turn", "lease", "reread", "mark", "request", "answer", "secret", "connection", "token")
BETWEEN = {"request", "answer", "secret"}
"""From its request to its storing, the only good refresh token may be nowhere but in the process."""

MAX_DELAY_SECONDS = 0.02
DRIVER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Kill:
    """What one round did.

    Attributes:
        phase: Where the process was to die.
        reached: The last phase that it entered; the kill may come a few milliseconds later.
        died: Whether it was killed; it may have been done before.
        consumed: Whether the server had taken the refresh token, and so had made another.
        saved: Whether that was stored.
        lost: Whether the next process could not get a token.
    """

    phase: str
    reached: str
    died: bool
    consumed: bool
    saved: bool
    lost: bool

    @property
    def is_as_it_must_be(self) -> bool:
        """A grant is lost if and only if the new token was not stored, and nowhere but between."""
        explained = not self.lost or (self.died and self.reached in BETWEEN)
        return self.lost == (self.consumed and not self.saved) and explained


class RefreshKills:
    """Plays rounds against one server, in one folder."""

    def __init__(self, folder: Path, oidc: OidcServer, seed: int) -> None:
        self._folder = folder
        self._oidc = oidc
        self._random = random.Random(seed)

    async def play(self, phase: str) -> Kill:
        """Play one round."""
        allowed = await self._oidc.allow()
        async with self._world() as world:
            await world.connect({"authServerUrl": self._oidc.url}, refreshToken=allowed.refresh_token)
        delay = self._random.choice((0.0, self._random.uniform(0, MAX_DELAY_SECONDS)))
        died, reached = await self._refresh_and_die(phase, delay)
        async with self._world() as world:
            consumed, saved = await self._is_consumed(allowed), await _is_saved(world, allowed)
            await _let_request_run_out(world)
            lost = not await self._gets_token(world)
        return Kill(phase, reached, died, consumed, saved, lost)

    def _world(self) -> AbstractAsyncContextManager[OidcWorld]:
        return oidc_world(self._folder, account_provider(PERSON))

    async def _refresh_and_die(self, phase: str, delay: float) -> tuple[bool, str]:
        """Return whether the process was killed, and the last phase that it entered."""
        module = "tests.integration.refresh_driver"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            str(self._folder),
            phase,
            f"{delay:.6f}",
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(DRIVER_SECONDS):
            told, _ = await process.communicate()
        assert process.returncode in (0, -9)
        return process.returncode != 0, told.decode().split()[-1]

    async def _is_consumed(self, allowed: Allowed) -> bool:
        events = await self._oidc.events(allowed.grant_id)
        return any(event.name == "refresh_token.consumed" for event in events)

    async def _gets_token(self, world: OidcWorld) -> bool:
        """Whether another process gets a token that the server knows."""
        try:
            token = await world.token(world.process("heir"))
        except CredentialsRejectedError:
            return False
        told = await self._oidc.post("/token/introspection", token=token)
        assert told["active"]
        return True


async def _is_saved(world: OidcWorld, allowed: Allowed) -> bool:
    """Whether the secret store has another refresh token than the one that was entered."""
    name = (await world.connection()).secret_name
    assert name is not None
    newest = await (await world.backends.secrets()).get(name)
    return newest.value != allowed.refresh_token


async def _let_request_run_out(world: OidcWorld) -> None:
    """Do what half a minute does to the mark of a process that has died in its request."""
    connection = await world.connection()
    if connection.refresh:
        past = SystemClock().now() - timedelta(seconds=1)
        overdue = connection.refresh.model_copy(update={"until": past})
        await world.connections.replace(connection.changed(refresh=overdue))


async def play_kills(script: Path, folder: Path, phases: list[str], seed: int) -> list[Kill]:
    """Play one round for each phase named, and return what each did."""
    oidc = OidcServer(script)
    oidc.start()
    try:
        kills = RefreshKills(folder, oidc, seed)
        results = []
        for number, phase in enumerate(phases):
            results.append(await kills.play(phase))
            print(number + 1, results[-1], flush=True)
        return results
    finally:
        oidc.stop()


def phases_in_turn(rounds: int, seed: int) -> list[str]:
    """Return so many phases, each as often, in an order of their own each time."""
    order = random.Random(seed)
    times = -(-rounds // len(PHASES))
    return [phase for _ in range(times) for phase in order.sample(PHASES, k=len(PHASES))][:rounds]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=180)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="refresh-kills-"))
    try:
        results = asyncio.run(
            play_kills(install(folder), folder, phases_in_turn(options.rounds, options.seed), options.seed)
        )
    finally:
        shutil.rmtree(folder)
    for phase in PHASES:
        mine = [result for result in results if result.phase == phase]
        counted = [
            f"{name} {sum(getattr(each, name) for each in mine):3}"
            for name in ("died", "consumed", "saved", "lost")
        ]
        print(f"{phase:<10} rounds {len(mine):3}", *counted, sep="  ")
    wrong = [result for result in results if not result.is_as_it_must_be]
    print(f"lost: {sum(result.lost for result in results)} of {len(results)}")
    print(f"lost elsewhere than between the provider's answer and our storing it: {len(wrong)}")


if __name__ == "__main__":
    main()
