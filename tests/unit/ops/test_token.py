"""`python -m ops token`, run as the operator runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.__main__ import main
from shared.backends.embedded.local_identity import LocalIdentity
from shared.backends.system_clock import SystemClock

ROOT = Path(__file__).parents[3]
ISSUER = "https://laptop.example"
AUDIENCE = "castiel-test"


def run(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the program with the settings of a laptop, and these."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("INTEGRATIONS_")}
    environ |= {
        "INTEGRATIONS_DATA_DIR": str(data_dir),
        "INTEGRATIONS_JWT_ISSUER": ISSUER,
        "INTEGRATIONS_JWT_AUDIENCE": AUDIENCE,
        **settings,
    }
    command = [sys.executable, "-m", "ops", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def identity(tmp_path: Path) -> LocalIdentity:
    return LocalIdentity.open(tmp_path, SystemClock(), issuer=ISSUER, audience=AUDIENCE)


async def test_it_prints_a_token_and_nothing_else(tmp_path: Path, identity: LocalIdentity) -> None:
    """The one line of output is a token of this machine's identity, for 12 hours, with what was asked for."""
    done = run(
        tmp_path, "token", "--role", "tenant_admin", "--role", "user", "--tenant", "acme", "--user", "ada"
    )

    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    claims = await identity.verify(done.stdout.strip())
    assert (claims["sub"], claims["tenantId"], claims["roles"]) == ("ada", "acme", ["tenant_admin", "user"])
    assert claims["exp"] - claims["iat"] == 12 * 3600


@pytest.mark.parametrize("role", ["super_admin", "service"])
async def test_some_roles_need_no_tenant(tmp_path: Path, identity: LocalIdentity, role: str) -> None:
    """A super admin or service may go without a tenant; half an hour is a lifetime too."""
    done = run(tmp_path, "token", "--role", role, "--user", "root", "--hours", "0.5")

    claims = await identity.verify(done.stdout.strip())
    assert (claims["roles"], "tenantId" in claims) == ([role], False)
    assert claims["exp"] - claims["iat"] == 1800


def test_wrong_settings_exit_with_2(tmp_path: Path) -> None:
    """Where tokens come from elsewhere, the reason goes to stderr, without a traceback."""
    done = run(
        tmp_path,
        "token",
        "--role",
        "service",
        "--user",
        "x",
        INTEGRATIONS_JWKS_URL="https://login.example/keys",
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert ISSUER in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("roles", [["user"], ["tenant_admin"], ["super_admin", "user"]])
def test_other_roles_need_a_tenant(roles: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Without a tenant, any role that acts in one is refused."""
    code = main(["token", "--user", "ada", *(f"--role={role}" for role in roles)])

    output = capsys.readouterr()
    assert (code, output.out) == (2, "")
    assert "--tenant is required" in output.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["token"],
        ["token", "--role", "user", "--tenant", "acme"],
        ["token", "--user", "ada", "--tenant", "acme"],
        ["token", "--role", "king", "--user", "ada", "--tenant", "acme"],
        ["token", "--role", "service", "--user", "ada", "--hours", "0"],
        ["token", "--role", "service", "--user", "ada", "--hours", "nan"],
        ["token", "--role", "service", "--user", "ada", "--hours", "soon"],
    ],
)
def test_wrong_arguments_exit_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong arguments are explained on stderr; nothing is printed that could be taken for a token."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    output = capsys.readouterr()
    assert (caught.value.code, output.out) == (2, "")
    assert "usage:" in output.err
