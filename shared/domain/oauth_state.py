"""One connect flow between its two halves: the browser has left for the provider and is to come back."""

from __future__ import annotations

import hashlib

from shared.domain.model import Id, StoredModel, Timestamp

LIFETIME_SECONDS = 600
"""How long a person may take at the provider; the container's time to live."""


class OAuthState(StoredModel):
    """What the callback needs to know. Its id is a hash of the state: what is stored opens nothing.

    Attributes:
        state: The id again; the container's partition.
        user_id: Who began it.
        for_user: Whether the connection is to be that user's own; else it is the tenant's.
        browser_hash: Of the cookie's value: only the browser that began may finish.
        sealed_verifier, key_version: The PKCE verifier (RFC 7636), encrypted; None where there is none.
        client_version: Of the integration's credentials that the flow began with.
    """

    state: Id
    tenant_id: Id
    user_id: Id
    integration_id: Id
    for_user: bool
    browser_hash: str
    sealed_verifier: str | None = None
    key_version: str | None = None
    redirect_uri: str
    purpose: str
    scopes: tuple[str, ...] = ()
    client_version: str | None = None
    expires_at: Timestamp


def state_id(state: str) -> str:
    """Return the id of a state's document."""
    return hashlib.sha256(state.encode()).hexdigest()
