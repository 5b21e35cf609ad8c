"""One record in a hundred is bad: the others are stored, and it waits until mapping or source is mended."""

from __future__ import annotations

from pathlib import Path

from tests.integration.bad_records import play


async def test_bad_records_wait_for_a_mended_mapping_and_lose_nothing(tmp_path: Path) -> None:
    """Each is quarantined once, with its reasons; a replay takes all but the malformed; then nothing changes.

    Those leave when the source mends them; what never had an id is discarded.
    """
    stages = await play(tmp_path, rows=2000, seed=5, page=100, environment="development")
    assert [(stage.name, stage.wrong) for stage in stages if stage.wrong] == []
    assert len(stages) == 6
