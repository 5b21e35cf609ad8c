"""The answer to whatever starts a sync run."""

from __future__ import annotations

from http import HTTPStatus

from functions._http import Answer
from shared.domain.model import WireModel
from shared.domain.sync import SyncExecution


class SyncStarted(WireModel):
    """The run that was started; GET /api/executions/{executionId} shows how it goes."""

    execution_id: str


def started(execution: SyncExecution) -> Answer:
    """Answer with a run that the queue works on from here."""
    headers = {"Location": f"/api/executions/{execution.id}"}
    return Answer(SyncStarted(execution_id=execution.id), HTTPStatus.ACCEPTED, headers)
