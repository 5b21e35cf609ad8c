"""Connect flows under way; the store forgets them after ten minutes."""

from __future__ import annotations

from shared.domain.errors import StaleWriteError
from shared.domain.oauth_state import OAuthState, state_id
from shared.ports.documents import DocumentStore
from shared.repositories.model_repository import ModelRepository


class OAuthStateRepository:
    """Flows by their state."""

    def __init__(self, store: DocumentStore) -> None:
        self._models = ModelRepository(store, "oauth-states", OAuthState)

    async def create(self, flow: OAuthState) -> OAuthState:
        """Store a new flow. Raises AlreadyExistsError when its state was used before."""
        return await self._models.create(flow)

    async def find(self, state: str) -> OAuthState | None:
        """Return the flow of a state, or None."""
        key = state_id(state)
        return await self._models.get((key,), key)

    async def take(self, flow: OAuthState) -> bool:
        """Use a flow up; False if somebody else has."""
        try:
            return await self._models.delete((flow.state,), flow)
        except StaleWriteError:
            return False
