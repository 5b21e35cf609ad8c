"""Access keys for functions that are not anonymous, made at the first start."""

from __future__ import annotations

import hmac
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from devhost.errors import StartupError

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keys:
    """One key for every function (Azure's host key) and the master key; no repr shows them."""

    function: str = field(repr=False)
    admin: str = field(repr=False)

    def allow(self, auth_level: str, presented: str | None) -> bool:
        """Tell whether a request with this key may call at `auth_level` (ANONYMOUS, FUNCTION or ADMIN)."""
        if auth_level == "ANONYMOUS":
            return True
        if presented is None:
            return False
        is_admin = _same(presented, self.admin)
        is_function = _same(presented, self.function)
        return is_admin or (is_function and auth_level == "FUNCTION")


def load_keys(path: Path) -> Keys:
    """Read the keys, and make them first if there are none; only their owner can read the file.

    Raises:
        StartupError: The file or its folder can't be used.
    """
    try:
        if not path.exists():
            _make_keys(path)
        stored = json.loads(path.read_bytes())
        return Keys(function=str(stored["function"]), admin=str(stored["admin"]))
    except OSError as error:
        raise StartupError(f"the keys file {path} can't be used: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StartupError(f"{path} does not hold devhost's keys; delete it to get new ones") from error


def _make_keys(path: Path) -> None:
    """Write whole or not at all: linking the draft fails if another host was first, and its keys stay."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump({name: secrets.token_urlsafe(_KEY_BYTES) for name in ("function", "admin")}, file)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
