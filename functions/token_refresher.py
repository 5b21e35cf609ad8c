"""TokenRefresher: registered, hourly, and honest about having nothing to refresh yet."""

from __future__ import annotations

from azure.functions import Blueprint, TimerRequest

from shared.telemetry.logs import get_logger

blueprint = Blueprint()
_log = get_logger("tokens")


@blueprint.function_name("TokenRefresher")
@blueprint.timer_trigger(arg_name="timer", schedule="0 0 * * * *")
async def token_refresher(timer: TimerRequest) -> None:
    """Say that no provider of this version hands out tokens."""
    del timer  # the schedule is all that there is to it
    _log.info("No provider of this version uses OAuth: no token to refresh")
