"""Tokens that the app signs for itself on one laptop."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from shared.backends.embedded.local_identity import LocalIdentity
from shared.domain.caller import Role
from shared.domain.errors import ConfigurationError, UnauthenticatedError
from tests.fakes.clock import FakeClock
from tests.unit.backends.embedded import crash_points
from tests.unit.backends.token_forge import (
    ATTACKS,
    AUDIENCE,
    GOOD_EDGES,
    ISSUER,
    NOW,
    Forge,
    assert_says_nothing_of,
)

ISSUE_ONE = """
import sys
from pathlib import Path
from tests.unit.backends.embedded.crash_points import new_identity
print("ready", flush=True)
sys.stdin.readline()
print(new_identity(Path(sys.argv[1])).issue("ada", "acme", [], 60))
"""


def identity_in(folder: Path, clock: FakeClock | None = None) -> LocalIdentity:
    return LocalIdentity.open(folder, clock or FakeClock(), issuer=ISSUER, audience=AUDIENCE)


def forge_of(folder: Path) -> Forge:
    """Take the identity's own key, to sign what it never would."""
    identity_in(folder)
    key = load_pem_private_key((folder / "identity-key.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Forge(key, "ES256")


async def test_an_issued_token_verifies(tmp_path: Path) -> None:
    """The claims are what was issued, with the issuer, the audience and the lifetime."""
    identity = identity_in(tmp_path)

    claims = await identity.verify(identity.issue("ada", "acme", [Role.TENANT_ADMIN, Role.USER], 60))

    assert claims == {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ada",
        "tenantId": "acme",
        "roles": ["tenant_admin", "user"],
        "iat": NOW,
        "exp": NOW + 60,
    }


async def test_a_token_may_name_no_tenant(tmp_path: Path) -> None:
    """Without a tenant there is no claim of one."""
    identity = identity_in(tmp_path)

    assert "tenantId" not in await identity.verify(identity.issue("root", None, [Role.SUPER_ADMIN], 60))


async def test_a_token_expires_by_the_injected_clock(tmp_path: Path) -> None:
    """It is good until its lifetime and the leeway of 30 seconds are over."""
    clock = FakeClock()
    identity = identity_in(tmp_path, clock)
    token = identity.issue("ada", "acme", [Role.USER], 60)

    clock.advance(60 + 29)
    await identity.verify(token)
    clock.advance(1)
    with pytest.raises(UnauthenticatedError, match="expired"):
        await identity.verify(token)


async def test_the_key_stays(tmp_path: Path) -> None:
    """A token from before a restart verifies after it; the key file is its owner's alone."""
    token = identity_in(tmp_path / "data").issue("ada", "acme", [Role.USER], 60)

    assert (await identity_in(tmp_path / "data").verify(token))["sub"] == "ada"
    assert stat.S_IMODE((tmp_path / "data/identity-key.pem").stat().st_mode) == 0o600


async def test_another_folders_token_is_refused(tmp_path: Path) -> None:
    """Each data folder has a key of its own."""
    token = identity_in(tmp_path / "one").issue("ada", "acme", [Role.USER], 60)

    with pytest.raises(UnauthenticatedError, match="signature"):
        await identity_in(tmp_path / "two").verify(token)


@pytest.mark.parametrize("attack", ATTACKS)
async def test_attacks_are_refused(tmp_path: Path, attack: str) -> None:
    """Each bad token is refused for its own reason, and the refusal repeats none of it."""
    make, reason = ATTACKS[attack]
    token = make(forge_of(tmp_path))

    with pytest.raises(UnauthenticatedError, match=reason) as caught:
        await identity_in(tmp_path).verify(token)
    assert_says_nothing_of(token, str(caught.value))


@pytest.mark.parametrize("edge", GOOD_EDGES)
async def test_tokens_at_the_edge_are_accepted(tmp_path: Path, edge: str) -> None:
    """Clocks may be 30 seconds apart, and a token may have several audiences."""
    token = forge_of(tmp_path).sign(**GOOD_EDGES[edge])

    assert (await identity_in(tmp_path).verify(token))["sub"] == "ada-lovelace"


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """A key file open to others is not used."""
    identity_in(tmp_path)
    (tmp_path / "identity-key.pem").chmod(0o644)

    with pytest.raises(ConfigurationError, match=r"identity-key\.pem.*chmod 600"):
        identity_in(tmp_path)


def _pem(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, encryption: KeySerializationEncryption
) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        _pem(ec.generate_private_key(ec.SECP384R1()), NoEncryption()),
        _pem(ed25519.Ed25519PrivateKey.generate(), NoEncryption()),
        _pem(ec.generate_private_key(ec.SECP256R1()), BestAvailableEncryption(b"password")),
    ],
    ids=["empty", "words", "P-384", "Ed25519", "encrypted"],
)
def test_a_file_without_the_right_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever else is in the key file is refused, and not overwritten."""
    (tmp_path / "identity-key.pem").write_bytes(content)
    (tmp_path / "identity-key.pem").chmod(0o600)

    with pytest.raises(ConfigurationError, match=r"identity-key\.pem does not hold"):
        identity_in(tmp_path)
    assert (tmp_path / "identity-key.pem").read_bytes() == content


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """Where the data folder should be there is a file: the error says where."""
    (tmp_path / "data").write_bytes(b"")

    with pytest.raises(ConfigurationError, match="data"):
        identity_in(tmp_path / "data")


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    """Tokens of four processes that all found no key verify with the one key that there is then."""
    command = [sys.executable, "-c", ISSUE_ONE, str(tmp_path / "data")]
    processes = [
        subprocess.Popen(
            command, cwd=crash_points.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    tokens = [process.communicate()[0].strip() for process in processes]

    identity = crash_points.new_identity(tmp_path / "data")
    assert [asyncio.run(identity.verify(token))["sub"] for token in tokens] == ["ada"] * 4


def test_a_crash_anywhere_leaves_a_usable_identity(tmp_path: Path) -> None:
    """Killed at any step of making the key, the next start has a key that works and stays."""
    for folder in crash_points.crash_everywhere("identity", tmp_path):
        token = crash_points.new_identity(folder).issue("ada", "acme", [Role.USER], 60)

        assert asyncio.run(crash_points.new_identity(folder).verify(token))["sub"] == "ada"
