"""What the archive knows of an object, in the metadata of its blob.

Values are JSON strings, because a header alone can't hold an empty value or spaces at its ends. Names of our
own start with `_`, which a caller's can't.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from azure.storage.blob import BlobProperties

from shared.domain.model import rfc3339
from shared.ports.archive import ArchivedObject

_SHA256 = "_sha256"
_CREATED_AT = "_created_at"
_UPLOAD = "_upload"


def to_blob_metadata(record: ArchivedObject, upload_id: str) -> dict[str, str]:
    """Return the blob's metadata for an object.

    Args:
        record: What is known; its path and size are the blob's own.
        upload_id: Which `put` it came from.
    """
    own = {_SHA256: record.sha256, _CREATED_AT: rfc3339(record.created_at), _UPLOAD: upload_id}
    return own | {name: json.dumps(value) for name, value in record.metadata.items()}


def from_blob(blob: BlobProperties) -> ArchivedObject | None:
    """Return what is known of the blob's object; None if no archive has put it there."""
    held = _metadata(blob)
    if _SHA256 not in held or _CREATED_AT not in held:
        return None
    return ArchivedObject(
        path=str(blob.name),
        size_bytes=int(blob.size or 0),
        sha256=held[_SHA256],
        metadata=MappingProxyType(
            {name: json.loads(value) for name, value in held.items() if not name.startswith("_")}
        ),
        created_at=datetime.fromisoformat(held[_CREATED_AT]),
    )


def came_from(blob: BlobProperties, upload_id: str) -> bool:
    """Return whether this `put` has made the blob."""
    return _metadata(blob).get(_UPLOAD) == upload_id


def _metadata(blob: BlobProperties) -> Mapping[str, str]:
    # Names of headers, and so of metadata, are compared without case.
    return {name.lower(): value for name, value in (blob.metadata or {}).items()}
