"""The app that real systems are connected to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.functions.live_app import LiveApp, live_app


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveApp]:
    async with live_app(tmp_path, monkeypatch) as started:
        yield started
