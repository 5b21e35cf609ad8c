"""Calls functions as the worker does: async ones on the event loop, the others on a thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from azure.functions.meta import Datum

from devhost.context import LOCAL_STORAGE, InvocationContext
from devhost.converters import decode, encode_response
from devhost.errors import InvocationError
from devhost.indexing import LocalFunction
from shared.ports.clock import Clock

_logger = logging.getLogger("devhost.invocation")


class Invoker:
    """Runs invocations and logs how each ended.

    Args:
        timeout_seconds: After this an async function is cancelled and counts as failed (a thread can't be
            cancelled); None for no limit.
        clock: For the durations in the log.
    """

    def __init__(self, timeout_seconds: float | None, clock: Clock) -> None:
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._threads = ThreadPoolExecutor(thread_name_prefix="devhost-function")
        self._on_threads: set[Future[Any]] = set()

    async def invoke(
        self,
        function: LocalFunction,
        data: Datum,
        metadata: Mapping[str, Datum],
        caller_trace: str | None = None,
    ) -> Datum | None:
        """Call a function with what its trigger brought; return its HTTP response, if it gives one.

        Raises:
            InvocationError: It raised, ran over its time, or returned what its bindings don't take.
        """
        context = InvocationContext(function.name, function.directory, caller_trace)
        started = self._clock.monotonic()
        try:
            arguments = {function.argument: decode(function.binding, data, metadata)}
            if function.wants_context:
                arguments["context"] = context
            answer = _answer(function, await self._call(function, arguments, context))
        except Exception as error:
            _logger.exception("Failed %s after %s", *self._figures(context, started))
            raise InvocationError(f"{function.name} failed") from error
        _logger.info("Ran %s in %s", *self._figures(context, started))
        return answer

    def close(self) -> bool:
        """Take no more work; tell whether functions still run on threads, which can't be stopped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        return any(not future.done() for future in tuple(self._on_threads))

    async def _call(
        self, function: LocalFunction, arguments: dict[str, Any], context: InvocationContext
    ) -> Any:
        if not function.is_async:
            return await self._call_on_thread(function.call, arguments, context.invocation_id)
        LOCAL_STORAGE.invocation_id = context.invocation_id
        limit = asyncio.timeout(self._timeout_seconds)
        try:
            async with limit:
                return await function.call(**arguments)
        except TimeoutError as error:
            if limit.expired():
                raise TimeoutError(f"ran longer than functionTimeout, {self._timeout_seconds} s") from error
            raise

    async def _call_on_thread(
        self, call: Callable[..., Any], arguments: dict[str, Any], invocation_id: str
    ) -> Any:
        future = self._threads.submit(_run_on_thread, call, arguments, invocation_id)
        self._on_threads.add(future)
        future.add_done_callback(self._on_threads.discard)
        return await asyncio.wrap_future(future)

    def _figures(self, context: InvocationContext, started: float) -> tuple[str, str]:
        milliseconds = (self._clock.monotonic() - started) * 1_000
        return f"{context.function_name} (id {context.invocation_id})", f"{milliseconds:.0f} ms"


def _answer(function: LocalFunction, result: Any) -> Datum | None:
    if function.returns:
        return encode_response(result)
    if result is not None:
        raise TypeError(f"{function.name} has no $return binding but returned a {type(result).__name__}")
    return None


def _run_on_thread(call: Callable[..., Any], arguments: dict[str, Any], invocation_id: str) -> Any:
    LOCAL_STORAGE.invocation_id = invocation_id
    try:
        return call(**arguments)
    finally:
        LOCAL_STORAGE.invocation_id = None
