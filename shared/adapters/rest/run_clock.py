"""Clocks that jump: a provider stamps its records by its own, which may be wrong for a while.

A stamp in the future must not carry the watermark along, or what comes after it would never be asked for: no
run's watermark is later than the moment of its first answer, by the provider's clock and by ours. Where the
provider's clock is behind ours, records since the last run may be stamped as much before the watermark: the
run begins earlier by as much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from shared.adapters.http import HttpResponse
from shared.adapters.rest.page_source import told_time
from shared.adapters.rest.positions import Place
from shared.adapters.rest.watermarks import WatermarkReader, lower
from shared.domain.sync import Watermark

TOLERANCE_SECONDS = 5.0
"""By so much clocks may differ before a run is begun anew: `Date` has whole seconds, and arrives late."""


class RunTimes(Place):
    """What a run knows of clocks since its first answer, kept in its position.

    Attributes:
        until: The highest that its watermark may be; None where watermarks are no times.
        behind: By how many seconds before the watermark the run begins.
    """

    until: Watermark | None = None
    behind: int = 0

    def clamped(self, watermark: Watermark | None) -> Watermark | None:
        """Return a watermark, or `until` where that is lower."""
        return lower(watermark, self.until)


def run_times(
    response: HttpResponse, watermarks: WatermarkReader | None, watermark: Watermark | None
) -> RunTimes:
    """Look at the clocks when a run's first answer comes.

    Args:
        response: The answer.
        watermarks: The entity's; None where it has none.
        watermark: Where the run begins; None for a full one.
    """
    ours = response.received_at
    theirs = told_time(response) or ours
    if watermarks is None:
        return RunTimes()
    begins_at = watermarks.moment(watermark)
    ahead = max(0.0, (begins_at - ours).total_seconds()) if begins_at else 0.0
    behind = ahead + max(0.0, (ours - theirs).total_seconds()) if begins_at else 0.0
    return RunTimes(
        until=watermarks.at(min(ours, theirs)), behind=math.ceil(behind) if behind > TOLERANCE_SECONDS else 0
    )


def place_of(position: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return a position for the paginator: None for a first page, also for one from an earlier moment."""
    is_first = position is None or ("behind" in position and position.keys() <= RunTimes.model_fields.keys())
    return None if is_first else position
