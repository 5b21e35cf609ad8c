"""SyncInbound: one step of an inbound sync for each message."""

from __future__ import annotations

from azure.functions import Blueprint, ServiceBusMessage
from pydantic import ValidationError

from functions._messages import run_step
from shared import bootstrap
from shared.domain.errors import UnreadableMessageError
from shared.domain.queues import SYNC_INBOUND_SCHEDULED
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
    """Parse the message and run its step."""
    try:
        step = SyncMessage.model_validate_json(message.get_body(), extra="ignore")
    except ValidationError as error:
        problems = ", ".join(str(item["loc"]) for item in error.errors())
        raise UnreadableMessageError(f"The message is no step of a sync; wrong are: {problems}") from None
    await run_step((await bootstrap.runtime()).inbound_sync, step)
