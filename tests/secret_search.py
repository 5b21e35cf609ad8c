"""Finding the mark of the tests' secrets in bytes and files, plain, encoded or compressed."""

from __future__ import annotations

import base64
import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.secrets_used import MARK

MAY_HOLD_SECRETS = {"chromium-profile"}
"""Names of files and folders: a browser's, which remembers the addresses it has been at."""

_GZIP = b"\x1f\x8b"


def _encoded() -> Iterator[bytes]:
    """Yield what the mark looks like. It has nothing that URLs or JSON escape."""
    mark = MARK.encode()
    yield mark
    yield mark.hex().encode()
    for offset in range(3):  # the bits at either end depend on what stands beside it
        whole = base64.b64encode(bytes(offset) + mark).rstrip(b"=")
        yield whole[-(-offset * 8 // 6) : (offset + len(mark)) * 8 // 6]


PATTERNS = tuple(_encoded())


def holds_secret(content: bytes) -> bool:
    """Whether the mark is in it."""
    return any(pattern in content for pattern in PATTERNS)


def files_with_secrets(folder: Path) -> Iterator[Path]:
    """Yield all files under a folder that hold the mark, except those that may."""
    for directory, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in MAY_HOLD_SECRETS]
        for file in (Path(directory, name) for name in files if name not in MAY_HOLD_SECRETS):
            if file.is_file() and holds_secret(_content(file)):
                yield file


def _content(file: Path) -> bytes:
    content = file.read_bytes()
    if content.startswith(_GZIP):
        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error):  # cut off, as crash tests leave them
            return content
    return content
