"""kill -9 in every phase of a refresh, against a server that ends a grant when a token is used twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.refresh_kills import PHASES, phases_in_turn, play_kills


@pytest.mark.node
async def test_a_killed_refresh_loses_a_grant_between_answer_and_saving_only(
    oidc_script: Path, tmp_path: Path
) -> None:
    """In each named phase; wherever else the process dies, the next one gets a token."""
    results = await play_kills(oidc_script, tmp_path, phases_in_turn(len(PHASES), seed=5), seed=5)
    assert [result for result in results if not result.is_as_it_must_be] == []
    assert all(result.died for result in results if result.phase != PHASES[-1])
