"""Pure functions for what a provider's document can't declare, by the names that documents use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.adapters.hooks.gmail_message import gmail_message

Hook = Callable[[Any], Any]
"""Makes one JSON value of another, and changes nothing. Raises ValueError for one that it can't read."""

HOOKS: Mapping[str, Hook] = {"gmailMessage": gmail_message}
