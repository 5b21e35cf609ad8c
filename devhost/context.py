"""The `context` argument of a function, as the worker fills it."""

from __future__ import annotations

import re
import secrets
import threading
import uuid
from typing import Any

from azure.functions import Context
from azure.functions._abc import RetryContext as RetryContextBase
from azure.functions._abc import TraceContext as TraceContextBase

_TRACE_PARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})")
"""W3C Trace Context: version, trace id, parent span id, flags."""

LOCAL_STORAGE = threading.local()
"""Holds `invocation_id` on the thread that runs a function."""


class TraceContext(TraceContextBase):
    """A span of the invocation's own, in the caller's trace or in a new one."""

    def __init__(self, caller: str | None) -> None:
        match = _TRACE_PARENT.fullmatch(caller or "")
        trace_id, flags = match.groups() if match else (secrets.token_hex(16), "00")
        self._trace_parent = f"00-{trace_id}-{secrets.token_hex(8)}-{flags}"

    @property
    def trace_parent(self) -> str:
        """Return the `traceparent` of this invocation."""
        return self._trace_parent

    @property
    def trace_state(self) -> str:
        """Return the vendors' part, of which devhost has none."""
        return ""

    @property
    def attributes(self) -> dict[str, str]:
        """Return the host's attributes, of which devhost has none."""
        return {}


class RetryContext(RetryContextBase):
    """First try, always: devhost has no retry policies, as the host has none for Service Bus."""

    @property
    def retry_count(self) -> int:
        """Return how many retries came before."""
        return 0

    @property
    def max_retry_count(self) -> int:
        """Return how many retries there may be."""
        return 0

    @property
    def exception(self) -> Any:
        """Return the failure that led to this retry."""
        return None


class InvocationContext(Context):
    """What a function may know about its invocation."""

    def __init__(self, function_name: str, function_directory: str, caller_trace: str | None = None) -> None:
        self._function_name = function_name
        self._function_directory = function_directory
        self._invocation_id = str(uuid.uuid4())
        self._trace_context = TraceContext(caller_trace)

    @property
    def invocation_id(self) -> str:
        """Return this invocation's id."""
        return self._invocation_id

    @property
    def thread_local_storage(self) -> Any:
        """Return the storage whose `invocation_id` a function's own threads may set."""
        return LOCAL_STORAGE

    @property
    def function_name(self) -> str:
        """Return the function's name."""
        return self._function_name

    @property
    def function_directory(self) -> str:
        """Return the folder of the function's source."""
        return self._function_directory

    @property
    def trace_context(self) -> TraceContext:
        """Return the invocation's place in a trace."""
        return self._trace_context

    @property
    def retry_context(self) -> RetryContext:
        """Return the state of retries."""
        return RetryContext()
