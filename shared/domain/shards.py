"""Shards: the host platform's documents, and how an inbound record becomes one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import orjson

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}")


def shard_id(integration_id: str, entity: str, external_id: str) -> str:
    """Return the id of a record's shard: the same record always has the same one.

    It starts with the integration's id, so that an integration's shards are neighbours. External ids that
    an id can't hold are hashed; the mark `~h~` keeps a hash from ever equalling a plain id.
    """
    if _PLAIN.fullmatch(external_id):
        return f"{integration_id}~{entity}~{external_id}"
    digest = hashlib.blake2b(external_id.encode(), digest_size=16).hexdigest()
    return f"{integration_id}~{entity}~~h~{digest}"


def shard_id_range(integration_id: str) -> tuple[str, str]:
    """Return the bounds of an integration's shard ids: from the first, up to but without the second."""
    return f"{integration_id}~", f"{integration_id}\x7f"


def content_hash(data: Mapping[str, Any]) -> str:
    """Return a hash of mapped data that does not depend on the order of its fields (BLAKE2b, 128 bits)."""
    return hashlib.blake2b(orjson.dumps(data, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
