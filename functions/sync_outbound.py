"""SyncOutbound: registered, and honest about not writing to providers yet."""

from __future__ import annotations

from azure.functions import Blueprint, ServiceBusMessage

from shared.domain.errors import ConfigurationError
from shared.domain.queues import SYNC_OUTBOUND

blueprint = Blueprint()


@blueprint.function_name("SyncOutbound")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name=SYNC_OUTBOUND,
    connection="ServiceBusConnection",
    is_sessions_enabled=True,
    data_type="binary",
)
async def sync_outbound(message: ServiceBusMessage) -> None:
    """Refuse the message, so that it is kept as a dead letter: this version can't do its work yet."""
    raise ConfigurationError(f"Message {message.message_id}: this version does not write to providers.")
