"""The worker's rules for a function's parameters and annotations.

They are those of `azure_functions_runtime.functions.Registry` (PyPI, 1.3.0): a function that breaks one is
not loaded in Azure, so it does not start here either.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from devhost import converters
from devhost.errors import StartupError

_CONTEXT = "context"


def wants_context(call: Callable[..., Any], argument: str, binding: str, *, returns: bool) -> bool:
    """Check a function's signature; tell whether it takes the invocation's `context` besides its trigger.

    Raises:
        StartupError: The worker would not load it.
    """
    parameters = set(inspect.signature(call).parameters)
    context = _CONTEXT in parameters and argument != _CONTEXT
    expected = {argument, _CONTEXT} if context else {argument}
    if parameters != expected:
        raise StartupError(f"its parameters are {sorted(parameters)}, its bindings give {sorted(expected)}")
    _check_annotations(call, argument, binding, returns=returns)
    return context


def _check_annotations(call: Callable[..., Any], argument: str, binding: str, *, returns: bool) -> None:
    try:
        annotations = get_type_hints(call)
    except NameError as error:
        raise StartupError(f"an annotation can't be evaluated: {error}") from error
    taken = annotations.get(argument)
    if taken is not None and not (isinstance(taken, type) and converters.takes(binding, taken)):
        raise StartupError(f"{argument}: {taken!r} is not what a {binding} gives")
    context = annotations.get(_CONTEXT) if argument != _CONTEXT else None
    if context is not None and getattr(context, "__name__", "") != "Context":
        raise StartupError(f"context: {context!r} is not azure.functions.Context")
    given = annotations.get("return") if returns else None
    if given is not None and not (isinstance(given, type) and converters.gives(given)):
        raise StartupError(f"its return annotation {given!r} is not HttpResponse or str")
