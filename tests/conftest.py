"""What every test shares."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from shared.telemetry.logs import LOGGER_NAME

pytest_plugins = ["tests.hygiene"]

# How long an example takes says nothing on a shared machine; what it does is what is tested.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")


@pytest.fixture(scope="session", autouse=True)
def _hypothesis_is_whole() -> None:
    """Import what hypothesis imports at the first use, deep in its own stack.

    There, rewriting it can fail on Python 3.11 ("AST constructor recursion depth mismatch").
    """
    importlib.import_module("hypothesis.strategies._internal.regex")


@pytest.fixture(autouse=True)
def _app_logs_as_before() -> Iterator[None]:
    """Undo what an app that a test has started does to logging: the next test is to see all records again."""
    logger = logging.getLogger(LOGGER_NAME)
    before = logger.handlers, logger.propagate, logger.level
    yield
    logger.handlers, logger.propagate = before[:2]
    logger.setLevel(before[2])
