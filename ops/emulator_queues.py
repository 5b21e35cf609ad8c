"""`python -m ops emulator-queues`: the queues, as Microsoft's Service Bus emulator wants them declared."""

from __future__ import annotations

import argparse
import json

from shared.domain.queues import QUEUES, Queue

SUMMARY = "Print the declared queues as the Service Bus emulator's Config.json."

_MAX_TIME_TO_LIVE_SECONDS = 3600
_MAX_DUPLICATE_DETECTION_SECONDS = 300
"""The emulator takes no more (https://learn.microsoft.com/azure/service-bus-messaging/overview-emulator)."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The command has no arguments."""
    del parser


def run(arguments: argparse.Namespace) -> None:
    """Print the file."""
    del arguments
    print(emulator_config(), end="")


def emulator_config() -> str:
    """Return the emulator's Config.json: each declared queue, within the emulator's bounds."""
    namespace = {"Name": "sbemulatorns", "Queues": [_queue(queue) for queue in QUEUES.values()], "Topics": []}
    config = {"UserConfig": {"Namespaces": [namespace], "Logging": {"Type": "File"}}}
    return json.dumps(config, indent=2) + "\n"


def _queue(queue: Queue) -> dict[str, object]:
    detection = min(queue.duplicate_detection_seconds, _MAX_DUPLICATE_DETECTION_SECONDS)
    properties = {
        "DeadLetteringOnMessageExpiration": queue.dead_lettering_on_expiration,
        "DefaultMessageTimeToLive": f"PT{min(queue.time_to_live_seconds, _MAX_TIME_TO_LIVE_SECONDS)}S",
        "DuplicateDetectionHistoryTimeWindow": f"PT{detection}S",
        "ForwardDeadLetteredMessagesTo": "",
        "ForwardTo": "",
        "LockDuration": f"PT{queue.lock_seconds}S",
        "MaxDeliveryCount": queue.max_delivery_count,
        "RequiresDuplicateDetection": True,
        "RequiresSession": queue.requires_session,
    }
    return {"Name": queue.name, "Properties": properties}
