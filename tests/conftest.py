"""What every test shares."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long an example takes says nothing on a shared machine; what it does is what is tested.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")
