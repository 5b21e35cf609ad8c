"""Who may do what on Azure: what the code needs, and nothing else. The templates are compared with it.

`on` names a service as the templates' modules do, or a part of one after a slash: `cosmos/audit-log`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.containers import CONTAINERS
from shared.domain.queues import QUEUES

AUDIT_CONTAINER = "audit-log"
"""The app creates and reads its documents, and only the archiver's identity deletes them."""

AUDIT_ARCHIVE = "audit"
HISTORY_ARCHIVE = "history"

_COSMOS = "Microsoft.DocumentDB/databaseAccounts"
_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"


class Identity(StrEnum):
    """The app's own identity, and the one that archives the audit log."""

    APP = "app"
    ARCHIVER = "archiver"


@dataclass(frozen=True, slots=True)
class Role:
    """One of Azure's, by its id, or one of ours, by the data actions that it allows."""

    name: str
    id: str | None = None
    data_actions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Grant:
    """An identity's role on a service, or on a part of one."""

    identity: Identity
    role: Role
    on: str


METADATA_READER = Role("Metadata reader", data_actions=frozenset({f"{_COSMOS}/readMetadata"}))
DOCUMENTS = Role("Cosmos DB Built-in Data Contributor", "00000000-0000-0000-0000-000000000002")
AUDIT_WRITER = Role(
    "Audit writer",
    data_actions=frozenset(
        {
            f"{_COSMOS}/sqlDatabases/containers/items/create",
            f"{_COSMOS}/sqlDatabases/containers/items/read",
            f"{_COSMOS}/sqlDatabases/containers/executeQuery",
            f"{_COSMOS}/sqlDatabases/containers/readChangeFeed",
        }
    ),
)
AUDIT_REMOVER = Role(
    "Audit remover", data_actions=frozenset({f"{_COSMOS}/sqlDatabases/containers/items/delete"})
)
QUEUE_OWNER = Role("Azure Service Bus Data Owner", "090c5cfd-751d-490a-894a-3ce6f1109419")
SECRETS = Role("Key Vault Secrets Officer", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7")
BLOBS = Role("Storage Blob Data Contributor", "ba92f5b4-2d11-453d-a403-e96b0029c9fe")
AUDIT_KEEPER = Role(
    "Audit keeper",
    data_actions=frozenset({f"{_BLOBS}/read", f"{_BLOBS}/add/action", f"{_BLOBS}/write"}),
)
"""Reads and adds. Objects come in blocks (`BlobUpload`), and blocks take the right to write: that nothing is
replaced is the container's policy, and a condition of the request.
"""
METRICS = Role("Monitoring Metrics Publisher", "3913510d-42f4-4e42-8a64-420c390055eb")

HOST_ROLES = (
    Role("Storage Blob Data Owner", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"),
    Role("Storage Queue Data Contributor", "974c5e8b-45b9-4653-ba55-5f855dd0fb88"),
    Role("Storage Table Data Contributor", "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"),
)
"""What the Functions host asks of the identity that it reaches its storage with
(https://learn.microsoft.com/azure/azure-functions/functions-reference, "Connecting to host storage").
"""


def grants(containers: Iterable[str] = CONTAINERS, queues: Iterable[str] = QUEUES) -> frozenset[Grant]:
    """Return every grant, for these containers and queues."""
    app, archiver, audit = Identity.APP, Identity.ARCHIVER, f"cosmos/{AUDIT_CONTAINER}"
    return frozenset(
        {
            # The SDK asks for the account and its containers before it asks for documents.
            Grant(app, METADATA_READER, "cosmos"),
            Grant(archiver, METADATA_READER, "cosmos"),
            *(Grant(app, DOCUMENTS, f"cosmos/{name}") for name in containers if name != AUDIT_CONTAINER),
            Grant(app, AUDIT_WRITER, audit),
            Grant(archiver, AUDIT_REMOVER, audit),
            *(Grant(app, QUEUE_OWNER, f"service-bus/{name}") for name in queues),
            Grant(app, SECRETS, "key-vault"),
            Grant(app, AUDIT_KEEPER, f"archive/{AUDIT_ARCHIVE}"),
            Grant(app, BLOBS, f"archive/{HISTORY_ARCHIVE}"),
            *(Grant(app, role, "host-storage") for role in HOST_ROLES),
            Grant(app, METRICS, "monitoring"),
        }
    )
