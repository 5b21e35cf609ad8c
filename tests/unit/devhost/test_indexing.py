from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from azure.functions import AuthLevel, DataType, FunctionApp

from devhost.errors import StartupError
from devhost.indexing import HttpTrigger, QueueTrigger, TimerTrigger, index, load_app

Register = Callable[[FunctionApp], Any]


def _only(app: FunctionApp, **settings: str) -> Any:
    (function,) = index(app, settings)
    return function


def test_an_http_function_has_its_route_and_level() -> None:
    """Route, methods and auth level are read; without a route the name is the route."""
    app = FunctionApp(http_auth_level=AuthLevel.ADMIN)

    @app.route(route="things/{id}", methods=["get", "POST"], auth_level=AuthLevel.ANONYMOUS)
    async def one(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse(req.url)

    @app.function_name("Other")
    @app.route()
    def two(req: func.HttpRequest, context: func.Context) -> str:
        return f"{context.function_name} {req.url}"

    first, second = index(app, {})
    assert first.trigger == HttpTrigger("things/{id}", frozenset({"GET", "POST"}), "ANONYMOUS")
    assert (first.is_async, first.wants_context, first.returns) == (True, False, True)
    assert second.trigger == HttpTrigger("Other", frozenset(), "ADMIN")
    assert (second.name, second.is_async, second.wants_context) == ("Other", False, True)


def _timer_by_setting() -> FunctionApp:
    app = FunctionApp()

    @app.timer_trigger(arg_name="timer", schedule="%EVERY%", run_on_startup=True)
    def tick(timer: func.TimerRequest) -> None: ...

    return app


def test_a_timer_has_its_schedule() -> None:
    """The schedule may name an app setting."""
    timer = _only(_timer_by_setting(), EVERY="0 0 * * * *")
    assert timer.trigger == TimerTrigger("0 0 * * * *", run_on_startup=True)


def test_a_missing_app_setting_is_named() -> None:
    """A schedule in an app setting that is not there stops the start."""
    with pytest.raises(StartupError, match="'tick': the app setting EVERY is not set"):
        index(_timer_by_setting(), {})


@pytest.mark.parametrize(
    ("queue", "sessions", "expected"),
    [
        ("work", None, QueueTrigger("work", dead_letter=False, sessions=False)),
        ("work", True, QueueTrigger("work", dead_letter=False, sessions=True)),
        ("work/$DeadLetterQueue", None, QueueTrigger("work", dead_letter=True, sessions=False)),
    ],
)
def test_a_queue_function_has_its_place(queue: str, sessions: bool | None, expected: QueueTrigger) -> None:
    """A queue, one with sessions, and a dead-letter sub-queue are told apart."""
    app = FunctionApp()

    @app.service_bus_queue_trigger(
        arg_name="message",
        queue_name=queue,
        connection="C",
        is_sessions_enabled=sessions,
        data_type=DataType.BINARY,
    )
    def work(message: func.ServiceBusMessage) -> None:
        del message

    assert _only(app).trigger == expected


def _blob(app: FunctionApp) -> None:
    @app.blob_trigger(arg_name="blob", path="x", connection="C")
    def f(blob: func.InputStream) -> None: ...


def _topic(app: FunctionApp) -> None:
    @app.service_bus_topic_trigger(
        arg_name="m", topic_name="t", subscription_name="s", connection="C", data_type="binary"
    )
    def f(m: func.ServiceBusMessage) -> None: ...


def _queue(app: FunctionApp, **options: Any) -> None:
    settings = {"data_type": "binary", **options}

    @app.service_bus_queue_trigger(arg_name="m", queue_name="q", connection="C", **settings)
    def f(m: func.ServiceBusMessage) -> None: ...


def _output(app: FunctionApp) -> None:
    @app.queue_output(arg_name="out", queue_name="q", connection="C")
    @app.timer_trigger(arg_name="t", schedule="0 0 * * * *")
    def f(t: func.TimerRequest, out: func.Out[str]) -> None: ...


def _wrong_argument(app: FunctionApp) -> None:
    @app.route(route="x")
    def f(request: func.HttpRequest) -> str:
        raise NotImplementedError


def _wrong_annotation(app: FunctionApp) -> None:
    @app.route(route="x")
    def f(req: func.TimerRequest) -> str:
        raise NotImplementedError


def _wrong_return(app: FunctionApp) -> None:
    @app.route(route="x")
    def f(req: func.HttpRequest) -> func.HttpResponse | None:
        raise NotImplementedError


def _wrong_context(app: FunctionApp) -> None:
    @app.route(route="x")
    def f(req: func.HttpRequest, context: str) -> str:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("register", "complaint"),
    [
        (_blob, "blobTrigger"),
        (_topic, "topics"),
        (lambda app: _queue(app, cardinality="many"), "cardinality ONE"),
        (lambda app: _queue(app, data_type=None), r"data_type=DataType\.BINARY"),
        (lambda app: _queue(app, auto_complete_messages=False), "auto_complete_messages"),
        (_output, "does not bind queue"),
        (_wrong_argument, "parameters"),
        (_wrong_annotation, "not what a httpTrigger gives"),
        (_wrong_return, "not HttpResponse or str"),
        (_wrong_context, r"not azure\.functions\.Context"),
    ],
)
def test_what_can_not_run_is_named(register: Register, complaint: str) -> None:
    """A function that devhost or the worker can't run is a StartupError with its name and the reason."""
    app = FunctionApp()
    register(app)
    with pytest.raises(StartupError, match=rf"function 'f': .*{complaint}"):
        index(app, {})


def test_all_wrong_functions_are_named_at_once() -> None:
    """One error lists every function that can't run."""
    app = FunctionApp()
    _blob(app)

    @app.route(route="x")
    def g(wrong: func.HttpRequest) -> str:
        raise NotImplementedError

    with pytest.raises(StartupError, match=r"(?s)'f'.*'g'"):
        index(app, {})


def test_two_functions_of_one_name_are_refused() -> None:
    """The library's own complaint about duplicate names becomes a StartupError."""
    app = FunctionApp()
    _wrong_argument(app)
    _wrong_argument(app)
    with pytest.raises(StartupError, match="unique"):
        index(app, {})


@pytest.mark.parametrize(
    ("location", "complaint"),
    [
        ("no_such_module:app", "no module 'no_such_module'"),
        ("devhost_app_module:missing", "not an azure"),
        ("devhost_app_module:number", "not an azure"),
    ],
)
def test_an_app_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str, complaint: str
) -> None:
    """A wrong --app is one clear error."""
    _write_module(
        tmp_path, monkeypatch, "import azure.functions as func\napp = func.FunctionApp()\nnumber = 1\n"
    )
    assert isinstance(load_app("devhost_app_module"), FunctionApp)
    with pytest.raises(StartupError, match=complaint):
        load_app(location)


def test_an_error_inside_the_app_passes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that the app lacks is the app's error, shown with its own traceback."""
    _write_module(tmp_path, monkeypatch, "import no_such_dependency\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        load_app("devhost_app_module:app")


def _write_module(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    (folder / "devhost_app_module.py").write_text(source)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "devhost_app_module", raising=False)
