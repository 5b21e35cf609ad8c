"""Current access tokens, shared by all instances."""

from __future__ import annotations

import contextlib

from shared.domain.errors import AlreadyExistsError, StaleWriteError, UnavailableError
from shared.domain.stored_token import StoredToken
from shared.ports.documents import DocumentStore
from shared.repositories.model_repository import ModelRepository

_TRIES = 5


class StoredTokenRepository:
    """Encrypted access tokens by tenant and connection; the store forgets them when they expire."""

    def __init__(self, store: DocumentStore) -> None:
        self._models = ModelRepository(store, "access-tokens", StoredToken)

    async def find(self, tenant_id: str, connection_id: str) -> StoredToken | None:
        """Return a connection's token, or None."""
        return await self._models.get((tenant_id,), connection_id)

    async def save(self, token: StoredToken) -> bool:
        """Store a token; False where one is stored that was asked for later, under a higher fencing token.

        Raises:
            UnavailableError: Others write to it all the time, or the store does not answer.
        """
        for _ in range(_TRIES):
            present = await self.find(token.tenant_id, token.id)
            if present and present.fencing_token > token.fencing_token:
                return False
            with contextlib.suppress(StaleWriteError, AlreadyExistsError):
                if present:
                    await self._models.replace(token.changed(etag=present.etag))
                else:
                    await self._models.create(token)
                return True
        raise UnavailableError("The access token is being changed by others just now; try again.")

    async def delete(self, tenant_id: str, connection_id: str) -> None:
        """Forget a connection's token; that there is none is fine.

        Raises:
            UnavailableError: Others write to it all the time, or the store does not answer.
        """
        for _ in range(_TRIES):
            present = await self.find(tenant_id, connection_id)
            if present is None:
                return
            with contextlib.suppress(StaleWriteError):
                await self._models.delete((tenant_id,), present)
                return
        raise UnavailableError("The access token is being changed by others just now; try again.")
