"""Alerts and workbooks: they look for what the app's log says, and alert where the guide says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.infra.code import Code
from tests.infra.syntax import Module, Templates

GUIDE = {
    "error-rate-warning": (5, "PT1H", 2, "errorRate"),
    "error-rate-critical": (20, "PT1H", 1, "errorRate"),
    "latency-warning": (5_000, "PT15M", 2, "latency"),
    "latency-critical": (10_000, "PT15M", 1, "latency"),
    "connection-failures-warning": (3, "PT1H", 2, "connectionFailures"),
    "connection-failures-critical": (10, "PT1H", 1, "connectionFailures"),
}
"""The guide's "Alerting Thresholds" (percent, milliseconds, connections), the window, severity and query."""

LOG_ALERTS = {
    *GUIDE,
    "dead-letters",
    "rate-limits",
    "token-refresh",
    "app-silent",
    "messages-fall-behind",
    "failed-sign-ins",
}
METRIC_ALERTS = {
    "queue-depth": ("serviceBusId", "ActiveMessages"),
    "dead-letters-stay": ("serviceBusId", "DeadletteredMessages"),
    "queues-throttled": ("serviceBusId", "ThrottledRequests"),
    "vault-throttled": ("keyVaultId", "ServiceApiResult"),
    "archive-throttled": ("archiveId", "Transactions"),
    "host-storage-throttled": ("hostStorageId", "Transactions"),
    "store-throttled": ("cosmosId", "TotalRequests"),
}
"""Of which service, and what."""

_LOOKED_FOR = re.compile(r"\b(said|code|source) (?:==|in|startswith) \(?((?:'[^']*'(?:, )?)+)")
_HTTP_ONLY = "isnotempty(Url)"


def query_drift(templates: Templates, code: Code) -> Iterator[str]:
    """Yield a line for each alert that is missing or other than it is to be, and for each vain query."""
    alerts = templates.modules["alerts"]
    yield from _log_alert_drift(alerts)
    yield from _metric_alert_drift(alerts)
    yield from _per_queue_drift(alerts, code)
    known = {
        "said": code.messages,
        "code": code.error_codes,
        "source": code.error_sources,
    }
    for name, query in _queries(templates):
        for what, texts in _LOOKED_FOR.findall(query):
            for text in re.findall(r"'([^']*)'", texts):
                begins = f"said startswith '{text}'" in query
                if text not in known[what] and not (begins and _is_begun(text, code)):
                    yield f"{name} looks for {text!r}, which the app never logs"
        if "percentile(DurationMs" in query and _HTTP_ONLY not in query:
            yield f"{name} takes queue messages for answers"


def _is_begun(text: str, code: Code) -> bool:
    """True for the beginning of a message whose end is different each time."""
    return any(message.startswith(text) and "%" in message for message in code.messages)


def _queries(templates: Templates) -> Iterator[tuple[str, str]]:
    alerts = templates.modules["alerts"]
    for name, variable in alerts.tree["variables"].items():
        if isinstance(variable["value"], str):
            yield f"alerts.bicep: {name}", alerts.value(variable["value"]).replace("\\'", "'")
    for path in sorted((templates.folder / "workbooks").glob("*.json")):
        for item in json.loads(path.read_text())["items"]:
            if query := item["content"].get("query"):
                yield f"{path.name}: {item['name']}", query


def _log_alert_drift(alerts: Module) -> Iterator[str]:
    entries = {each["name"]: each for each in alerts.tree["variables"]["logAlerts"]["value"]}
    if entries.keys() != LOG_ALERTS:
        yield f"other log alerts than listed: {sorted(entries.keys() ^ LOG_ALERTS)}"
    for name, wanted in GUIDE.items():
        entry = entries.get(name, {})
        if (found := tuple(entry.get(key) for key in ("threshold", "window", "severity", "query"))) != wanted:
            yield f"the alert {name} is {found}; the guide says {wanted}"
    for known, body in alerts.instances("fromLogs"):
        yield from _rule_drift(known["alert"], alerts.value(body, known))


def _rule_drift(alert: Any, rule: Any) -> Iterator[str]:
    """Check that the loop hands on what the entry says."""
    (criterion,) = rule["properties"]["criteria"]["allOf"]
    found = (
        rule["properties"]["severity"],
        rule["properties"]["windowSize"],
        criterion["threshold"],
        criterion["query"],
        criterion["operator"],
        rule["properties"]["enabled"],
    )
    wanted = (alert["severity"], alert["window"], alert["threshold"], alert["query"], "GreaterThan", True)
    if found != wanted:
        yield f"the rule of {alert['name']} does not do what its entry says"


def _metric_alert_drift(alerts: Module) -> Iterator[str]:
    entries = alerts.value(alerts.tree["variables"]["metricAlerts"]["value"])
    found = {each["name"]: (each["resource"], each["metric"]) for each in entries}
    if found != METRIC_ALERTS:
        yield f"other metric alerts than listed: {found}"


def _per_queue_drift(alerts: Module, code: Code) -> Iterator[str]:
    rules = [alerts.value(body, known)["properties"] for known, body in alerts.instances("standingStill")]
    for criterion in ("waiting", "completed"):
        watched = [
            dimension["values"]
            for rule in rules
            for each in rule["criteria"]["allOf"]
            if each["name"] == criterion
            for dimension in each.get("dimensions", [])
        ]
        if watched != [[name] for name in code.queues]:
            yield f"not each queue has its own alert when it stands still: {watched}"
