"""TokenRefresher: every hour, refreshes the access tokens that expire within two hours."""

from __future__ import annotations

import uuid

from azure.functions import Blueprint, TimerRequest

from shared import bootstrap
from shared.telemetry.logs import log_context

blueprint = Blueprint()


@blueprint.function_name("TokenRefresher")
@blueprint.timer_trigger(arg_name="timer", schedule="0 0 * * * *")
async def token_refresher(timer: TimerRequest) -> None:
    """Look over every tenant's connections."""
    del timer  # what is due is in the store, whenever the timer fires
    runtime = await bootstrap.runtime()
    with log_context(request_id=uuid.uuid4().hex, operation="tokens.sweep"):
        await runtime.token_sweep.run()
