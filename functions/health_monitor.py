"""HealthMonitor: counts integrations every five minutes, which is also the app's sign of life."""

from __future__ import annotations

from azure.functions import Blueprint, TimerRequest

from shared import bootstrap
from shared.telemetry.logs import get_logger

blueprint = Blueprint()
_log = get_logger("health")


@blueprint.function_name("HealthMonitor")
@blueprint.timer_trigger(arg_name="timer", schedule="30 */5 * * * *")
async def health_monitor(timer: TimerRequest) -> None:
    """Log how many integrations of all tenants are in which state."""
    del timer  # what there is to count is in the store
    runtime = await bootstrap.runtime()
    totals = await runtime.health.totals()
    _log.info("Integrations were counted", extra={"metadata": totals.model_dump(by_alias=True)})
