"""What Microsoft's emulators are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from ops.__main__ import main
from shared.domain.queues import QUEUES

ROOT = Path(__file__).parents[3]


def test_the_emulator_is_given_the_declared_queues(capsys: pytest.CaptureFixture[str]) -> None:
    """The file beside docker-compose.yml is what the command prints today."""
    assert main(["emulator-queues"]) == 0
    printed = capsys.readouterr().out
    assert printed == (ROOT / "docker/service-bus.json").read_text()
    queues = json.loads(printed)["UserConfig"]["Namespaces"][0]["Queues"]
    sessions = {queue["Name"]: queue["Properties"]["RequiresSession"] for queue in queues}
    assert sessions == {name: queue.requires_session for name, queue in QUEUES.items()}


def test_the_emulators_listen_on_this_machine_only() -> None:
    """They have well-known keys."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
