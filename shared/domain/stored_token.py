"""A connection's current access token as stored: encrypted, and gone when it expires."""

from __future__ import annotations

from shared.domain.model import Id, StoredModel, Timestamp

UNKNOWN_LIFETIME_SECONDS = 86_400
"""How long a token is kept whose provider does not tell when it expires: it is used until rejected."""


class StoredToken(StoredModel):
    """The token that every instance uses. Its id is the connection's.

    Attributes:
        sealed, key_version: The token, encrypted under that version of the data key.
        secret_version: Of the refresh token that belongs with it.
        client_version: Of the integration's credentials.
        fencing_token: Of the lease under which it was asked for: a later one is never written over.
        issued_at: When it was asked for.
        expires_at: None where the provider does not tell.
        ttl: Seconds that the document lives.
    """

    tenant_id: Id
    sealed: str
    key_version: str
    secret_version: str | None = None
    client_version: str | None = None
    fencing_token: int
    issued_at: Timestamp
    expires_at: Timestamp | None = None
    ttl: int
