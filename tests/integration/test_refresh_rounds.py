"""Many who need a new access token at the same moment, against a server that ends a misused grant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.refresh_rounds import play_rounds

pytestmark = pytest.mark.node


@pytest.mark.parametrize("processes", [1, 2])
async def test_readers_at_once_cost_one_refresh(oidc_script: Path, tmp_path: Path, processes: int) -> None:
    """Twenty come whenever the token has expired: all succeed, and the grant is never revoked."""
    outcome = await play_rounds(oidc_script, tmp_path, rounds=3, processes=processes)
    assert outcome.is_as_it_must_be, outcome
