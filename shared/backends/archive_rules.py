"""What an archived object's path and metadata may be: what Blob Storage and a file system both take."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.domain.errors import InvalidRequestError, Problem

MAX_PATH_LENGTH = 512

# A part does not end with a dot: that refuses `.` and `..`, and Blob Storage's clients drop such dots.
# 200 characters leave room for a suffix in the 255 bytes that a file's name may have.
_PART = r"[0-9A-Za-z._-]{0,199}[0-9A-Za-z_-]"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*")
_METADATA_KEY = re.compile(r"[a-z][a-z0-9_]*")
_METADATA_VALUE = re.compile(r"[ -~]*")


def check_path(path: str) -> None:
    """Refuse a path that a backend could not keep, or that could lead out of the archive.

    Raises:
        InvalidRequestError: The path breaks a rule of `shared.ports.archive.Archive`.
    """
    if len(path) > MAX_PATH_LENGTH or not _PATH.fullmatch(path):
        message = (
            f"an archive path must be at most {MAX_PATH_LENGTH} characters: parts of 0-9, a-z, A-Z, '.', '_' "
            "and '-', each 1 to 200 long and not ending with a dot, with '/' between them"
        )
        raise InvalidRequestError(message, [Problem("path", message)])


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Refuse metadata that can't travel in HTTP headers.

    Raises:
        InvalidRequestError: A key or value breaks a rule of `shared.ports.archive.Archive`.
    """
    problems = [
        Problem(
            f"metadata.{key}", "keys must be a-z, 0-9 and _, starting with a letter; values printable ASCII"
        )
        for key, value in metadata.items()
        if not (_METADATA_KEY.fullmatch(key) and _METADATA_VALUE.fullmatch(value))
    ]
    if problems:
        raise InvalidRequestError("the metadata of an archived object breaks the rules", problems)
