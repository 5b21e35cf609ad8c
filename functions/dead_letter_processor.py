"""DeadLetterProcessor: keeps what the queues gave up; one function for each queue, one handler for all."""

from __future__ import annotations

from azure.functions import Blueprint, ServiceBusMessage

from functions._messages import kept_before_abandoned, opened_runtime
from shared import bootstrap
from shared.domain.queues import SYNC_INBOUND_SCHEDULED, SYNC_INBOUND_WEBHOOK, SYNC_OUTBOUND
from shared.services.dead_letters import DeadMessage

_DEAD_LETTERS = "/$DeadLetterQueue"

blueprint = Blueprint()


@blueprint.function_name("DeadLetterProcessor")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name=SYNC_INBOUND_SCHEDULED + _DEAD_LETTERS,
    connection="ServiceBusConnection",
    data_type="binary",
)
async def dead_letter_processor(message: ServiceBusMessage) -> None:
    """Keep a dead letter of the inbound queue."""
    await _take(SYNC_INBOUND_SCHEDULED, message)


@blueprint.function_name("DeadLetterProcessorWebhook")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name=SYNC_INBOUND_WEBHOOK + _DEAD_LETTERS,
    connection="ServiceBusConnection",
    data_type="binary",
)
async def dead_letter_processor_webhook(message: ServiceBusMessage) -> None:
    """Keep a dead letter of the webhook queue."""
    await _take(SYNC_INBOUND_WEBHOOK, message)


@blueprint.function_name("DeadLetterProcessorOutbound")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name=SYNC_OUTBOUND + _DEAD_LETTERS,
    connection="ServiceBusConnection",
    data_type="binary",
)
async def dead_letter_processor_outbound(message: ServiceBusMessage) -> None:
    """Keep a dead letter of the outbound queue."""
    await _take(SYNC_OUTBOUND, message)


async def _take(queue: str, message: ServiceBusMessage) -> None:
    # The host sends the reason as application properties only: `dead_letter_reason` is None in Azure.
    properties = message.application_properties or {}
    runtime = await opened_runtime(bootstrap.system_clock())
    async with kept_before_abandoned(runtime.clock):
        await runtime.dead_letters.take(
            DeadMessage(
                queue=queue,
                message_id=message.message_id,
                body=message.get_body(),
                delivery_count=message.delivery_count or 0,
                reason=str(properties.get("DeadLetterReason", "unknown")),
                description=str(properties.get("DeadLetterErrorDescription", "")),
            )
        )
