"""What devhost follows of host.json; keys that concern only Azure are left alone.

Names, places and defaults are those of the host.json reference for Functions 2.x and later and of
version 5 of the Service Bus extension.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from devhost.errors import StartupError
from devhost.time_span import parse_time_span


def _time_span(value: Any) -> float:
    if not isinstance(value, str):
        raise ValueError("must be a time span in quotes, such as 00:10:00")  # noqa: TRY004 - pydantic wants ValueError
    return parse_time_span(value)


def _timeout(value: Any) -> float | None:
    return None if value == "-1" else _time_span(value)


TimeSpan = Annotated[float, BeforeValidator(_time_span)]


class _Section(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, strict=True, validate_by_name=True)


class HttpSettings(_Section):
    """`extensions.http`."""

    route_prefix: str = "api"


class ServiceBusSettings(_Section):
    """`extensions.serviceBus`; concurrency is per function."""

    max_concurrent_calls: int = Field(16, ge=1)
    max_concurrent_sessions: int = Field(8, ge=1)
    max_auto_lock_renewal_seconds: TimeSpan = Field(300.0, alias="maxAutoLockRenewalDuration")
    session_idle_seconds: TimeSpan = Field(60.0, alias="sessionIdleTimeout")
    auto_complete_messages: Literal[True] = True
    """Only True: settling by hand needs an extension that devhost does not host."""


class _Extensions(_Section):
    http: HttpSettings = HttpSettings()
    service_bus: ServiceBusSettings = ServiceBusSettings()


class HostSettings(_Section):
    """The whole file."""

    version: Literal["2.0"] = "2.0"
    function_timeout_seconds: Annotated[float | None, BeforeValidator(_timeout)] = Field(
        1_800.0, alias="functionTimeout"
    )
    """None (written "-1") for no limit; 30 minutes is the default of every plan but Consumption."""
    extensions: _Extensions = _Extensions()


def read_host_json(path: Path) -> HostSettings:
    """Read and check a host.json.

    Raises:
        StartupError: The file is missing, is not JSON, or has wrong values; the message names them all.
    """
    try:
        return HostSettings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StartupError(f"{path} can't be read: {error.strerror}") from error
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
        raise StartupError(f"{path}: " + "; ".join(problems)) from error
