"""Settings, read once from the environment; the only reader of `os.environ`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.domain.errors import ConfigurationError

PREFIX = "INTEGRATIONS_"


@dataclass(frozen=True, slots=True)
class SyncLimits:
    """How much one queue message may do, and how many syncs of a tenant run at once.

    The figures are the guide's ("Environment-Specific Configurations").
    """

    max_records_per_sync: int
    max_concurrent_syncs: int
    sync_timeout_seconds: float


SYNC_LIMITS = {
    "development": SyncLimits(100, 1, 300),
    "staging": SyncLimits(500, 2, 600),
    "production": SyncLimits(1000, 3, 600),
}


class Settings(BaseModel):
    """Every setting. Its environment variable is `INTEGRATIONS_` and the name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: Literal["embedded"] = Field(
        default="embedded", description="where documents, queues and secrets live; Azure is not built yet"
    )
    environment: Literal["development", "staging", "production"] = Field(
        default="development",
        description="chooses how much one queue message does, and how many syncs run at once",
    )
    data_dir: Path = Field(default=Path(".data"), description="the embedded backend's folder")
    jwt_issuer: Annotated[str, Field(min_length=1)] = Field(
        default="castiel-local", description="who must have issued callers' tokens"
    )
    jwt_audience: Annotated[str, Field(min_length=1)] = Field(
        default="castiel-integrations", description="whom callers' tokens must be meant for"
    )
    jwks_url: str | None = Field(
        default=None,
        description="where the issuer publishes its keys; none means a local key in the data folder",
    )
    allow_private_addresses: bool = Field(
        default=True, description="whether providers may be at internal addresses, as on a laptop they are"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least severe level that is logged"
    )

    @property
    def sync_limits(self) -> SyncLimits:
        """What one queue message may do in this environment."""
        return SYNC_LIMITS[self.environment]

    @model_validator(mode="after")
    def _keys_travel_safely(self) -> Settings:
        address = urlsplit(self.jwks_url or "https:")
        local = address.scheme == "http" and address.hostname in {"127.0.0.1", "localhost", "::1"}
        if address.scheme != "https" and not local:
            raise ValueError("INTEGRATIONS_JWKS_URL must be an https:// address")
        return self


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Raises:
        ConfigurationError: Lists every variable that is wrong or unknown, not just the first.
    """
    source = os.environ if environ is None else environ
    values = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in source.items()
        if name.startswith(PREFIX) and value
    }
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = "\n".join(f"  {_variable(item['loc'])}{item['msg']}" for item in error.errors())
        raise ConfigurationError(f"Settings are wrong. Correct these and start again:\n{problems}") from None


def _variable(location: tuple[int | str, ...]) -> str:
    return f"{PREFIX}{str(location[0]).upper()}: " if location else ""
