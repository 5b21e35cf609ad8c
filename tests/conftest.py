"""What every test shares."""

from __future__ import annotations

import importlib

import pytest
from hypothesis import HealthCheck, settings

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
