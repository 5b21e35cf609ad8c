"""Connections: who is signed in at a provider, for a tenant or for one of its users. Never a secret."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import StringConstraints

from shared.domain.errors import CredentialsRejectedError
from shared.domain.model import Id, StoredModel, Timestamp, WireModel

MAX_MESSAGE = 500
"""Characters of a failure's message."""

AuthKind = Literal["oauth2AuthorizationCode", "oauth2ClientCredentials", "oauth2JwtBearer"]


class ConnectionStatus(StrEnum):
    """What a connection is good for.

    `expired` has no living access token and could not get one so far: it is tried again. `revoked` is over,
    by the provider's word: somebody has to connect anew. `disconnected` was ended here.
    """

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    DISCONNECTED = "disconnected"


class Consent(WireModel):
    """Who allowed what, when and for which purpose (guide, "GDPR Compliance": clear consent)."""

    user_id: Id
    at: Timestamp
    purpose: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    scopes: tuple[str, ...]


class RefreshMark(WireModel):
    """A refresh that has begun: written before its request, and gone once its answer is stored.

    Attributes:
        fencing_token: Of the lease under which it began.
        secret_version: The refresh token's that it sends; None where it sends none.
        until: When its request is over, whatever became of it. Before, nobody else may send that token.
    """

    fencing_token: int
    secret_version: str | None
    until: Timestamp


class ConnectionFailure(WireModel):
    """Why the last refresh failed, since when. It goes with the next success."""

    kind: Literal["permanent", "transient", "configuration"]
    code: str
    message: Annotated[str, StringConstraints(max_length=MAX_MESSAGE)]
    since: Timestamp


class Connection(StoredModel):
    """A connection as stored, one for an integration's tenant and one for each of its users.

    Attributes:
        user_id: Whose it is; None for the tenant's.
        secret_name, secret_version: The refresh token's, in the secret store; None where there is none.
        client_version: Of the integration's credentials (client id, client secret or key) that it was last
            refreshed with, or that were refused then.
        scopes_granted: What the provider granted; None where it did not tell, which means what was asked for
            (RFC 6749, 5.1).
        expires_at: The access token's; None where the provider does not tell.
        fencing_token: Of the lease under which the last token was stored; it only grows.
        revoked_at_provider: Whether the provider took the tokens back when it was disconnected; None before.
    """

    tenant_id: Id
    integration_id: Id
    provider_id: Id
    provider_category: Id
    user_id: Id | None = None
    auth_kind: AuthKind
    status: ConnectionStatus = ConnectionStatus.ACTIVE
    secret_name: str | None = None
    secret_version: str | None = None
    client_version: str | None = None
    scopes_asked: tuple[str, ...] = ()
    scopes_granted: tuple[str, ...] | None = None
    consent: Consent | None = None
    expires_at: Timestamp | None = None
    refreshed_at: Timestamp | None = None
    refresh: RefreshMark | None = None
    fencing_token: int = 0
    failure: ConnectionFailure | None = None
    connected_at: Timestamp
    disconnected_at: Timestamp | None = None
    revoked_at_provider: bool | None = None

    def require_usable(self) -> None:
        """Make sure that tokens may be asked for.

        Raises:
            CredentialsRejectedError: The connection is over; somebody has to connect anew.
        """
        if self.status is ConnectionStatus.REVOKED:
            raise CredentialsRejectedError(
                "The provider no longer accepts the connection; connect the integration again."
            )
        if self.status is ConnectionStatus.DISCONNECTED:
            raise CredentialsRejectedError("The integration is disconnected; connect it first.")


def connection_id(integration_id: str, user_id: str | None = None) -> str:
    """Return the id of an integration's connection, the tenant's or a user's; each has one at most."""
    if user_id is None:
        return integration_id
    digest = hashlib.blake2b(user_id.encode(), digest_size=16).hexdigest()
    return f"{integration_id[:67]}.{digest}"


def token_lease(connection: str) -> str:
    """Return the name of the lease under which a connection's tokens change."""
    return f"token.{connection}"
