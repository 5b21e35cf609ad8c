"""Queue messages: what becomes of one whose handler raises."""

from __future__ import annotations

import pytest

from functions._messages import OUTCOMES, Outcome, outcome_of
from shared.domain import errors


def every_error() -> list[type[Exception]]:
    return [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.IntegrationError)
    ]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (errors.LeaseHeldError("busy"), Outcome.WAIT),
        (errors.ThrottledError("slow down"), Outcome.RESCHEDULE),
        (errors.UnavailableError("down"), Outcome.RESCHEDULE),
        (errors.LeaseLostError("late"), Outcome.RESCHEDULE),
        (errors.StaleWriteError("changed"), Outcome.RESCHEDULE),
        (errors.UnreadableMessageError("noise"), Outcome.ABANDON),
        (errors.CredentialsRejectedError("revoked"), Outcome.GIVE_UP),
        (errors.NotFoundError("gone"), Outcome.GIVE_UP),
        (ValueError("a bug"), Outcome.ABANDON),
    ],
)
def test_an_errors_kind_decides(error: Exception, outcome: Outcome) -> None:
    """What asks for time gets it, what can't succeed ends, and bugs reach the dead-letter queue."""
    assert outcome_of(error) is outcome


def test_the_table_knows_every_error_of_the_tree() -> None:
    """A new kind of error that no row but the last fits would be treated as a bug."""
    known = tuple(kind for kind, _ in OUTCOMES if kind is not Exception)
    leaves = [kind for kind in every_error() if kind is not errors.IntegrationError]
    assert [kind.__name__ for kind in leaves if not issubclass(kind, known)] == []
