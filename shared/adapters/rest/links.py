"""The header Link (RFC 8288)."""

from __future__ import annotations

import re

_QUOTED = r"\"(?:[^\"\\]|\\.)*\""
_PARAMETER = re.compile(rf"\s*;\s*([^\s=;,]+)(?:\s*=\s*({_QUOTED}|[^\s;,\"]*))?")
_LINK = re.compile(rf"\s*<([^>]*)>((?:[^,\"]|{_QUOTED})*)(?:,|$)")


def next_link(header: str) -> str | None:
    """Return the target of the link with the relation `next`; None if there is none.

    A link's first `rel` counts, and may have several relations, in any case (RFC 8288, 3.3).
    """
    for target, parameters in _LINK.findall(header):
        if "next" in _relations(parameters):
            return str(target)
    return None


def _relations(parameters: str) -> list[str]:
    values = (value for name, value in _PARAMETER.findall(parameters) if name.lower() == "rel")
    return str(next(values, "")).strip('"').lower().split()
