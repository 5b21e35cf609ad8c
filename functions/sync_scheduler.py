"""SyncScheduler: every minute, starts runs that are due and goes on with deletions that were interrupted."""

from __future__ import annotations

import uuid

from azure.functions import Blueprint, TimerRequest

from shared import bootstrap
from shared.telemetry.logs import log_context

blueprint = Blueprint()


@blueprint.function_name("SyncScheduler")
@blueprint.timer_trigger(arg_name="timer", schedule="0 * * * * *")
async def sync_scheduler(timer: TimerRequest) -> None:
    """Look over every tenant's integrations."""
    del timer  # what is due is in the store, whenever the timer fires
    request_id = uuid.uuid4().hex
    runtime = await bootstrap.runtime()
    with log_context(request_id=request_id, operation="sync.schedule"):
        await runtime.sync_scheduler.run(request_id)
        await runtime.integration_deletion.resume()
