"""What every test shares."""

from __future__ import annotations

from hypothesis import HealthCheck, settings, strategies

# How long an example takes says nothing on a shared machine; what it does is what is tested.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

# Hypothesis imports its regex module at the first use, deep in its own stack, where pytest's rewriting of it
# can fail on Python 3.11 ("AST constructor recursion depth mismatch"). Here the stack is shallow.
strategies.from_regex("a").validate()
