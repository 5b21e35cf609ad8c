"""HealthCheck, and the two probes that say nothing else."""

from __future__ import annotations

from typing import Literal

from functions._http import Answer, Call, Route
from functions._roles import ANYBODY_KNOWN
from shared.domain.model import WireModel
from shared.services.health import HealthReport


class Alive(WireModel):
    """The process answers."""

    status: Literal["live", "ready"]


async def health_check(call: Call) -> Answer:
    """Answer with the health of the tenant's integrations."""
    return Answer(await call.runtime.health.report(call.tenant_id))


async def live(call: Call) -> Answer:
    """Answer: that is all that liveness means."""
    del call  # there is nothing to ask it
    return Answer(Alive(status="live"))


async def ready(call: Call) -> Answer:
    """Answer once the store does."""
    await call.runtime.check_ready()
    return Answer(Alive(status="ready"))


ROUTES = (
    Route(
        name="HealthCheck",
        method="GET",
        path="integrations/health",
        summary="The health of the tenant's integrations",
        handler=health_check,
        roles=ANYBODY_KNOWN,
        answer=HealthReport,
    ),
    Route("HealthLive", "GET", "health/live", "The process answers", live, None, Alive, needs_runtime=False),
    Route("HealthReady", "GET", "health/ready", "The process can work", ready, None, Alive),
)
