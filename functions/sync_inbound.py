"""SyncInbound, SyncInboundWebhook: one step of an inbound sync for each message, with one handler."""

from __future__ import annotations

from azure.functions import Blueprint, ServiceBusMessage
from pydantic import ValidationError

from functions._messages import opened_runtime, run_step
from shared import bootstrap
from shared.domain.errors import UnreadableMessageError
from shared.domain.queues import SYNC_INBOUND_SCHEDULED, SYNC_INBOUND_WEBHOOK
from shared.domain.sync import SyncMessage

blueprint = Blueprint()


@blueprint.function_name("SyncInbound")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name=SYNC_INBOUND_SCHEDULED,
    connection="ServiceBusConnection",
    data_type="binary",
)
async def sync_inbound(message: ServiceBusMessage) -> None:
    """Run a step of a scheduled or manual run."""
    await _run(message)


@blueprint.function_name("SyncInboundWebhook")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name=SYNC_INBOUND_WEBHOOK,
    connection="ServiceBusConnection",
    data_type="binary",
)
async def sync_inbound_webhook(message: ServiceBusMessage) -> None:
    """Run a step of a run that a webhook asked for; no scheduled run stands before it in the queue."""
    await _run(message)


async def _run(message: ServiceBusMessage) -> None:
    try:
        step = SyncMessage.model_validate_json(message.get_body(), extra="ignore")
    except ValidationError as error:
        problems = ", ".join(str(item["loc"]) for item in error.errors())
        raise UnreadableMessageError(f"The message is no step of a sync; wrong are: {problems}") from None
    runtime = await opened_runtime(bootstrap.system_clock())
    await run_step(runtime.inbound_sync, step, runtime.clock)
