"""Tokens verified with the keys that an issuer publishes, fetched from a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt import InsecureKeyLengthWarning
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from shared.backends.jwks_identity import JwksTokenVerifier
from shared.domain.errors import ConfigurationError, UnauthenticatedError, UnavailableError
from tests.fakes.clock import FakeClock
from tests.unit.backends.token_forge import (
    ATTACKS,
    AUDIENCE,
    GOOD_EDGES,
    ISSUER,
    Forge,
    assert_says_nothing_of,
)


class KeyServer:
    """An issuer's key server; a test sets what it answers."""

    def __init__(self, *forges: Forge) -> None:
        self.requests = 0
        self.status = 200
        self.body = b""
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.publish(*forges)
        app = web.Application()
        app.router.add_get("/keys", self._answer)
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self.server.make_url("/keys"))

    def publish(self, *forges: Forge, **changes: Any) -> None:
        self.body = json.dumps({"keys": [{**_jwk(forge), **changes} for forge in forges]}).encode()

    async def _answer(self, _: web.Request) -> web.Response:
        self.requests += 1
        self.asked.set()
        await self.gate.wait()
        return web.Response(status=self.status, body=self.body, headers={"Location": "/keys"})


@pytest.fixture
def forge() -> Forge:
    return Forge(ec.generate_private_key(ec.SECP256R1()), "ES256")


@pytest.fixture
async def keys(forge: Forge) -> AsyncIterator[KeyServer]:
    server = KeyServer(forge)
    async with server.server:
        yield server
        server.gate.set()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def verifier(keys: KeyServer, clock: FakeClock) -> JwksTokenVerifier:
    return JwksTokenVerifier(ISSUER, AUDIENCE, keys.url, clock=clock)


@pytest.mark.parametrize("named", [True, False], ids=["alg named", "alg left out"])
@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_a_good_token_verifies(
    keys: KeyServer, clock: FakeClock, algorithm: str, *, named: bool
) -> None:
    """Tokens of both algorithms verify, whether or not the key says what it is for."""
    signer = Forge(_new_key(algorithm), algorithm)
    keys.publish(signer, **({"alg": algorithm, "use": "sig"} if named else {}))
    verifier = JwksTokenVerifier(ISSUER, AUDIENCE, keys.url, clock=clock)

    claims = await verifier.verify(signer.sign())

    assert (claims["sub"], claims["tenantId"], claims["roles"]) == ("ada-lovelace", "acme", ["tenant_admin"])


@pytest.mark.parametrize("attack", ATTACKS)
async def test_attacks_are_refused(verifier: JwksTokenVerifier, forge: Forge, attack: str) -> None:
    """Each bad token is refused for its own reason, and the refusal repeats none of it."""
    make, reason = ATTACKS[attack]
    token = make(forge)

    with pytest.raises(UnauthenticatedError, match=reason) as caught:
        await verifier.verify(token)
    assert_says_nothing_of(token, str(caught.value))


@pytest.mark.parametrize("edge", GOOD_EDGES)
async def test_tokens_at_the_edge_are_accepted(verifier: JwksTokenVerifier, forge: Forge, edge: str) -> None:
    """Clocks may be 30 seconds apart, and a token may have several audiences."""
    assert (await verifier.verify(forge.sign(**GOOD_EDGES[edge])))["sub"] == "ada-lovelace"


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_a_key_serves_its_own_algorithm_only(keys: KeyServer, clock: FakeClock, algorithm: str) -> None:
    """A token that names a key of the other kind is refused, though both algorithms are accepted."""
    keys.publish(Forge(_new_key({"ES256": "RS256", "RS256": "ES256"}[algorithm]), "", "key-1"))
    verifier = JwksTokenVerifier(ISSUER, AUDIENCE, keys.url, clock=clock)

    with pytest.raises(UnauthenticatedError, match="algorithm"):
        await verifier.verify(Forge(_new_key(algorithm), algorithm).sign())


async def test_an_algorithm_left_out_is_refused(keys: KeyServer, forge: Forge, clock: FakeClock) -> None:
    """Pinned to RS256, a token signed with ES256 is refused without any request."""
    verifier = JwksTokenVerifier(ISSUER, AUDIENCE, keys.url, algorithms=["RS256"], clock=clock)

    with pytest.raises(UnauthenticatedError, match="algorithm"):
        await verifier.verify(forge.sign())
    assert keys.requests == 0


@pytest.mark.parametrize("algorithms", [["none"], ["HS256"], ["RS256", "HS512"], ["rs256"], []])
def test_unsafe_algorithms_cannot_be_chosen(algorithms: list[str]) -> None:
    """No configuration makes the verifier accept unsigned tokens or shared secrets."""
    with pytest.raises(ConfigurationError):
        JwksTokenVerifier(ISSUER, AUDIENCE, "https://x.example", algorithms=algorithms, clock=FakeClock())


async def test_a_token_must_name_its_key(verifier: JwksTokenVerifier, keys: KeyServer, forge: Forge) -> None:
    """Without a key id there is nothing to look up, and no request."""
    with pytest.raises(UnauthenticatedError, match="kid"):
        await verifier.verify(replace(forge, key_id="").sign())
    assert keys.requests == 0


async def test_a_weak_key_is_refused(keys: KeyServer, clock: FakeClock) -> None:
    """An RSA key of 1024 bits verifies nothing (RFC 7518, section 3.3 asks for 2048)."""
    weak = Forge(rsa.generate_private_key(65537, 1024), "RS256")
    keys.publish(weak)
    verifier = JwksTokenVerifier(ISSUER, AUDIENCE, keys.url, clock=clock)
    with pytest.warns(InsecureKeyLengthWarning):
        token = weak.sign()

    with pytest.raises(UnauthenticatedError, match="weak"):
        await verifier.verify(token)


async def test_keys_are_cached_for_ten_minutes(
    verifier: JwksTokenVerifier, keys: KeyServer, forge: Forge, clock: FakeClock
) -> None:
    """Many tokens cost one request, until the keys are ten minutes old."""
    for _ in range(3):
        await verifier.verify(forge.sign())
    clock.advance(599)
    await verifier.verify(forge.sign())
    assert keys.requests == 1

    clock.advance(1)
    await verifier.verify(forge.sign())
    assert keys.requests == 2


async def test_a_withdrawn_key_stops_working(
    verifier: JwksTokenVerifier, keys: KeyServer, forge: Forge, clock: FakeClock
) -> None:
    """A key that is no longer published verifies nothing once the cache is renewed."""
    await verifier.verify(forge.sign())
    keys.publish(replace(forge, key_id="key-2"))
    clock.advance(600)

    with pytest.raises(UnauthenticatedError, match="does not publish"):
        await verifier.verify(forge.sign())


async def test_an_unknown_key_is_looked_up_once_a_minute(
    verifier: JwksTokenVerifier, keys: KeyServer, forge: Forge, clock: FakeClock
) -> None:
    """A new key is found at once if the last request is a minute ago; made-up ids cause no more requests."""
    await verifier.verify(forge.sign())
    rotated = replace(forge, key_id="key-2")
    keys.publish(rotated)
    clock.advance(59)
    with pytest.raises(UnauthenticatedError, match="does not publish"):
        await verifier.verify(rotated.sign())
    assert keys.requests == 1

    clock.advance(1)
    await verifier.verify(rotated.sign())
    assert keys.requests == 2

    for number in range(5):
        with pytest.raises(UnauthenticatedError):
            await verifier.verify(replace(forge, key_id=f"made-up-{number}").sign())
    assert keys.requests == 2


async def test_one_fetch_serves_all_who_wait(
    verifier: JwksTokenVerifier, keys: KeyServer, forge: Forge
) -> None:
    """Callers that come while the keys are being fetched wait for that one request."""
    keys.gate.clear()
    waiting = [asyncio.create_task(verifier.verify(forge.sign())) for _ in range(10)]
    await keys.asked.wait()
    keys.gate.set()

    assert [claims["sub"] for claims in await asyncio.gather(*waiting)] == ["ada-lovelace"] * 10
    assert keys.requests == 1


async def test_a_cancelled_fetch_does_not_count(
    verifier: JwksTokenVerifier, keys: KeyServer, forge: Forge
) -> None:
    """When the caller that fetches is cancelled, the next one fetches."""
    keys.gate.clear()
    cancelled = asyncio.create_task(verifier.verify(forge.sign()))
    await keys.asked.wait()
    cancelled.cancel()
    await asyncio.wait([cancelled])
    keys.gate.set()

    assert (await verifier.verify(forge.sign()))["sub"] == "ada-lovelace"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (302, b""),
        (404, b'{"keys": []}'),
        (200, b""),
        (200, b"<html>"),
        (200, b"\xff"),
        (200, b"[]"),
        (200, b'{"keys": []}'),
        (200, b'{"keys": 7}'),
        (200, b'{"keys": [{"kty": "RSA"}, 7, {"kty": "EC", "alg": []}]}'),
        (200, b'{"keys": [{"kty": "oct", "kid": "key-1", "k": "c2VjcmV0"}]}'),
    ],
    ids=[
        "server error",
        "redirect",
        "not found",
        "nothing",
        "HTML",
        "not UTF-8",
        "a list",
        "no keys",
        "a number",
        "unusable keys",
        "a shared secret",
    ],
)
async def test_keys_that_cannot_be_had_are_unavailable(
    verifier: JwksTokenVerifier, keys: KeyServer, forge: Forge, clock: FakeClock, status: int, body: bytes
) -> None:
    """Without any keys, any bad answer is UnavailableError, and the next try comes after 5 seconds."""
    good = keys.body
    keys.status, keys.body = status, body

    for _ in range(3):
        with pytest.raises(UnavailableError):
            await verifier.verify(forge.sign())
    assert keys.requests == 1

    keys.status, keys.body = 200, good
    clock.advance(5)
    await verifier.verify(forge.sign())


@pytest.mark.parametrize(("size_bytes", "accepted"), [(1024 * 1024, True), (1024 * 1024 + 1, False)])
async def test_an_answer_may_have_a_megabyte(
    verifier: JwksTokenVerifier, keys: KeyServer, forge: Forge, size_bytes: int, *, accepted: bool
) -> None:
    """A set of keys that is longer than 1 MB is not read, however good its keys are."""
    keys.body = keys.body.ljust(size_bytes)

    if accepted:
        await verifier.verify(forge.sign())
    else:
        with pytest.raises(UnavailableError):
            await verifier.verify(forge.sign())


async def test_known_keys_outlive_a_broken_server(
    verifier: JwksTokenVerifier, keys: KeyServer, forge: Forge, clock: FakeClock
) -> None:
    """When the keys are due and can't be fetched, the known ones serve on, with one try a minute."""
    await verifier.verify(forge.sign())
    keys.status = 503
    clock.advance(600)

    for _ in range(3):
        assert (await verifier.verify(forge.sign()))["sub"] == "ada-lovelace"
    assert keys.requests == 2

    clock.advance(60)
    await verifier.verify(forge.sign())
    assert keys.requests == 3


async def test_a_server_that_does_not_answer_is_given_up(
    keys: KeyServer, forge: Forge, clock: FakeClock
) -> None:
    """The timeout ends a request that gets no answer."""
    keys.gate.clear()
    verifier = JwksTokenVerifier(ISSUER, AUDIENCE, keys.url, clock=clock, timeout_seconds=0.05)

    with pytest.raises(UnavailableError):
        await verifier.verify(forge.sign())


async def test_no_server_at_all_is_unavailable(forge: Forge, clock: FakeClock, unused_tcp_port: int) -> None:
    """A refused connection is UnavailableError too."""
    verifier = JwksTokenVerifier(ISSUER, AUDIENCE, f"http://127.0.0.1:{unused_tcp_port}/", clock=clock)

    with pytest.raises(UnavailableError):
        await verifier.verify(forge.sign())


async def test_keys_for_encryption_are_left_out(keys: KeyServer, forge: Forge, clock: FakeClock) -> None:
    """A key published for another use verifies no signature."""
    keys.publish(forge, use="enc")
    verifier = JwksTokenVerifier(ISSUER, AUDIENCE, keys.url, clock=clock)

    with pytest.raises(UnavailableError):
        await verifier.verify(forge.sign())


def _new_key(algorithm: str) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    return (
        ec.generate_private_key(ec.SECP256R1())
        if algorithm == "ES256"
        else rsa.generate_private_key(65537, 2048)
    )


def _jwk(forge: Forge) -> dict[str, Any]:
    if isinstance(forge.key, rsa.RSAPrivateKey):
        jwk = RSAAlgorithm.to_jwk(forge.key.public_key(), as_dict=True)
    else:
        jwk = ECAlgorithm.to_jwk(forge.key.public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, "kid": forge.key_id}
