"""Records that don't have the shape which their provider's document declares."""

from __future__ import annotations

NAMELESS_CODES = frozenset({"malformed_record", "missing_id", "invalid_id"})
"""Codes of reasons against records that have no id to tell them by."""

MALFORMED_CODES = NAMELESS_CODES | {
    "invalid_modified",
    "invalid_deleted",
    "invalid_version",
    "invalid_increment",
}
"""Codes of reasons that no mapping can be mended for: only the source, or the provider's document."""
