"""The functions of an app: what the worker would tell the Azure host about them.

The bindings are read from the same JSON that the worker sends to the host (`Function.get_raw_bindings`).
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from azure.functions import FunctionRegister
from azure.functions.decorators.function_app import Function

from devhost.errors import StartupError
from devhost.signatures import wants_context

_DEAD_LETTER_SUFFIX = "/$deadletterqueue"
_APP_SETTING = re.compile(r"%([^%]+)%")


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """An HTTP function's route below the prefix, its methods (none: all) and its auth level, in capitals."""

    route: str
    methods: frozenset[str]
    auth_level: str


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """A schedule as written: NCRONTAB or a time span."""

    schedule: str
    run_on_startup: bool


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """A Service Bus queue, or its dead-letter sub-queue."""

    queue: str
    dead_letter: bool
    sessions: bool


Trigger: TypeAlias = HttpTrigger | TimerTrigger | QueueTrigger


@dataclass(frozen=True, slots=True)
class LocalFunction:
    """One function, ready to be called.

    Attributes:
        argument: The parameter that takes the trigger's data.
        binding: The trigger's type in function.json, which names its converter.
        returns: Whether it may return a value, as only HTTP functions do.
        directory: The folder of its source.
    """

    name: str
    call: Callable[..., Any]
    is_async: bool
    argument: str
    binding: str
    wants_context: bool
    returns: bool
    directory: str
    trigger: Trigger


def load_app(location: str) -> FunctionRegister:
    """Import `module:name` and return the function app there. An error inside the module passes through.

    Raises:
        StartupError: There is no such module, or no function app in it.
    """
    module_name, _, name = location.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        raise StartupError(
            f"there is no module {module_name!r} here; name one with --app module:app"
        ) from error
    app = getattr(module, name or "app", None)
    if not isinstance(app, FunctionRegister):
        raise StartupError(f"{location!r} is not an azure.functions.FunctionApp")
    return app


def index(app: FunctionRegister, app_settings: Mapping[str, str]) -> list[LocalFunction]:
    """Return the app's functions; `%NAME%` in a schedule or queue name is looked up in `app_settings`.

    Raises:
        StartupError: The app has functions that devhost or the worker can't run; the message names them all.
    """
    try:
        registered = app.get_functions()
    except ValueError as error:
        raise StartupError(str(error)) from error
    functions, problems = [], []
    for function in registered:
        try:
            functions.append(_local_function(function, app_settings))
        except StartupError as error:
            problems.append(f"function {function.get_function_name()!r}: {error}")
    if problems:
        raise StartupError("\n".join(problems))
    return functions


def _local_function(function: Function, app_settings: Mapping[str, str]) -> LocalFunction:
    bindings = [json.loads(raw) for raw in function.get_raw_bindings()]
    trigger = next(
        binding for binding in bindings if binding["type"] in _readers or "Trigger" in binding["type"]
    )
    if trigger["type"] not in _readers:
        raise StartupError(f"devhost does not run a {trigger['type']}, only {', '.join(_readers)}")
    outputs = [(binding["type"], binding["name"]) for binding in bindings if binding is not trigger]
    if unsupported := [kind for kind, name in outputs if (kind, name) != ("http", "$return")]:
        raise StartupError(f"devhost does not bind {', '.join(unsupported)} beside the trigger")
    resolved = {key: _resolve(value, app_settings) for key, value in trigger.items()}
    call = function.get_user_function()
    return LocalFunction(
        name=str(function.get_function_name()),
        call=call,
        is_async=inspect.iscoroutinefunction(call),
        argument=trigger["name"],
        binding=trigger["type"],
        wants_context=wants_context(call, trigger["name"], trigger["type"], returns=bool(outputs)),
        returns=bool(outputs),
        directory=str(Path(inspect.getfile(call)).parent),
        trigger=_readers[trigger["type"]](resolved),
    )


def _resolve(value: Any, app_settings: Mapping[str, str]) -> Any:
    def setting(match: re.Match[str]) -> str:
        if match[1] not in app_settings:
            raise StartupError(f"the app setting {match[1]} is not set")
        return app_settings[match[1]]

    return _APP_SETTING.sub(setting, value) if isinstance(value, str) else value


def _read_http(binding: Mapping[str, Any]) -> HttpTrigger:
    methods = frozenset(method.upper() for method in binding.get("methods", ()))
    return HttpTrigger(binding["route"], methods, binding.get("authLevel", "FUNCTION"))


def _read_timer(binding: Mapping[str, Any]) -> TimerTrigger:
    return TimerTrigger(binding["schedule"], bool(binding.get("runOnStartup")))


def _read_queue(binding: Mapping[str, Any]) -> QueueTrigger:
    if "queueName" not in binding:
        raise StartupError("devhost runs Service Bus triggers of queues, not of topics")
    if binding.get("cardinality", "ONE") != "ONE":
        raise StartupError("devhost delivers one message at a time: use cardinality ONE")
    if binding.get("dataType") != "BINARY":
        raise StartupError(
            "use data_type=DataType.BINARY: from any other type the host lets keys of a JSON body overwrite "
            "the message's metadata"
        )
    if binding.get("autoCompleteMessages") is False:
        raise StartupError("devhost completes messages itself: leave auto_complete_messages unset")
    queue = binding["queueName"]
    dead_letter = queue.lower().endswith(_DEAD_LETTER_SUFFIX)
    name = queue[: -len(_DEAD_LETTER_SUFFIX)] if dead_letter else queue
    return QueueTrigger(name, dead_letter, bool(binding.get("isSessionsEnabled")))


_readers: dict[str, Callable[[Mapping[str, Any]], Trigger]] = {
    "httpTrigger": _read_http,
    "timerTrigger": _read_timer,
    "serviceBusTrigger": _read_queue,
}
