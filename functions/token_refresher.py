"""TokenRefresher: registered, hourly, with nothing to do yet: tokens are renewed at their use."""

from __future__ import annotations

from azure.functions import Blueprint, TimerRequest

from shared.telemetry.logs import get_logger

blueprint = Blueprint()
_log = get_logger("tokens")


@blueprint.function_name("TokenRefresher")
@blueprint.timer_trigger(arg_name="timer", schedule="0 0 * * * *")
async def token_refresher(timer: TimerRequest) -> None:
    """Say that nothing is renewed ahead of its use in this version."""
    del timer  # the schedule is all that there is to it
    _log.info("Tokens are renewed when they are used; this version renews none ahead of that")
