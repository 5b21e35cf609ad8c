"""`python -m ops infrastructure`: what the code declares, for the infrastructure templates to deploy."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from shared.backends.azure.cosmos_indexing import container_resource
from shared.backends.azure.grants import AUDIT_CONTAINER
from shared.domain.containers import CONTAINERS, DAY_SECONDS, Container
from shared.domain.queues import QUEUES, Queue

SUMMARY = "Print infra/declared.json: containers and queues as the code declares them."


def configure(parser: argparse.ArgumentParser) -> None:
    """The command has no arguments."""
    del parser


def run(arguments: argparse.Namespace) -> None:
    """Print the file."""
    del arguments
    print(declared(), end="")


def declared(containers: Mapping[str, Container] = CONTAINERS, queues: Mapping[str, Queue] = QUEUES) -> str:
    """Return infra/declared.json, which the templates load."""
    content = {
        "auditContainer": AUDIT_CONTAINER,
        "writableContainers": [name for name in containers if name != AUDIT_CONTAINER],
        "containers": [
            {"name": one.name, "isBusy": one.is_busy, "resource": container_resource(one)}
            for one in containers.values()
        ],
        "queues": [{"name": one.name, "properties": _queue(one)} for one in queues.values()],
    }
    return json.dumps(content, indent=2) + "\n"


def _queue(queue: Queue) -> dict[str, Any]:
    return {
        "lockDuration": _duration(queue.lock_seconds),
        "maxDeliveryCount": queue.max_delivery_count,
        "maxSizeInMegabytes": queue.max_size_megabytes,
        "defaultMessageTimeToLive": _duration(queue.time_to_live_seconds),
        "deadLetteringOnMessageExpiration": queue.dead_lettering_on_expiration,
        "requiresDuplicateDetection": True,
        "duplicateDetectionHistoryTimeWindow": _duration(queue.duplicate_detection_seconds),
        "requiresSession": queue.requires_session,
    }


def _duration(seconds: int) -> str:
    """Return an ISO 8601 duration in the largest unit that fits."""
    if seconds % DAY_SECONDS == 0:
        return f"P{seconds // DAY_SECONDS}D"
    return f"PT{seconds // 60}M" if seconds % 60 == 0 else f"PT{seconds}S"
