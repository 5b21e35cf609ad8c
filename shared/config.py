"""Settings, read once from the environment; the only reader of `os.environ`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from shared.domain.errors import ConfigurationError

PREFIX = "INTEGRATIONS_"

_BLOB_ADDRESSES = {"blobendpoint", "blobsecondaryendpoint", "developmentstorageproxyuri"}

SERVICE_BUS_CONNECTION = "ServiceBusConnection"
SERVICE_BUS_NAMESPACE = "ServiceBusConnection__fullyQualifiedNamespace"
"""What the triggers read, so that both halves of the queue are set once: a connection string, or a namespace
to which this app's identity has access (https://learn.microsoft.com/azure/azure-functions/functions-reference,
"Configure an identity-based connection").
"""

_LOCAL_URL = "http://127.0.0.1:7071"
"""Where devhost and the func CLI serve, unless told otherwise."""


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
    """Every setting. Its variable is `INTEGRATIONS_` and the name in capitals, but for the queue."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    backend: Literal["embedded", "azure"] = Field(
        default="embedded", description="where documents, queues and secrets live"
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
    allow_private_addresses: bool | None = Field(
        default=None,
        description="whether providers may be internal, and use http; embedded they may, in Azure not",
    )
    public_url: str | None = Field(
        default=None,
        description="where browsers reach this app, so that providers can send people back to it",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least severe level that is logged"
    )

    cosmos_endpoint: str | None = Field(default=None, description="azure: the Cosmos DB account's address")
    cosmos_key: SecretStr | None = Field(
        default=None, description="azure: the account's key; none means this app's identity"
    )
    cosmos_database: Annotated[str, Field(min_length=1)] = Field(
        default="castiel-integrations", description="azure: the database's name"
    )
    service_bus_connection: SecretStr | None = Field(
        alias=SERVICE_BUS_CONNECTION,
        default=None,
        description="azure: the queues' connection string, for local use",
    )
    service_bus_namespace: str | None = Field(
        alias=SERVICE_BUS_NAMESPACE,
        default=None,
        description="azure: the queues' namespace, reached with this app's identity",
    )
    key_vault_url: str | None = Field(default=None, description="azure: the vault's address")
    blob_account_url: str | None = Field(
        default=None, description="azure: the archive's storage account, reached with this app's identity"
    )
    blob_connection: SecretStr | None = Field(
        default=None, description="azure: the archive's connection string, for local use"
    )
    blob_container: Annotated[str, Field(min_length=3, max_length=63)] = Field(
        default="archive", description="azure: the archive's container"
    )
    audit_container: Annotated[str, Field(min_length=3, max_length=63)] | None = Field(
        default=None, description="azure: the archive's container for audit entries, where none is replaced"
    )
    archiver_client_id: str | None = Field(
        default=None, description="azure: client id of the identity that removes archived audit entries"
    )
    ca_file: Path | None = Field(
        default=None, description="azure: certificates to trust besides the public ones, for local stand-ins"
    )

    @property
    def providers_may_be_private(self) -> bool:
        """Whether providers may be at internal addresses."""
        said = self.allow_private_addresses
        return self.backend == "embedded" if said is None else said

    @property
    def callback_url(self) -> str | None:
        """Where providers send people back to; None where nobody can connect by signing in."""
        base = self.public_url or (_LOCAL_URL if self.backend == "embedded" else None)
        return f"{base.rstrip('/')}/api/oauth/callback" if base else None

    @property
    def sync_limits(self) -> SyncLimits:
        """What one queue message may do in this environment."""
        return SYNC_LIMITS[self.environment]

    @model_validator(mode="after")
    def _is_consistent(self) -> Settings:
        problems = [*_unsafe_addresses(self), *_unsafe_connections(self), *_contradictions(self)]
        if problems:
            raise _InconsistentError(problems)
        return self


def variables() -> Sequence[str]:
    """Return the names of all variables, in the order of the settings."""
    return [_variable(field) for field in Settings.model_fields]


class _InconsistentError(ValueError):
    """Everything that is wrong with settings that are right one by one: (variable, what to do)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(" ".join(problem) for problem in problems))
        self.problems = problems


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Raises:
        ConfigurationError: Lists every variable that is wrong, unknown, missing or contradicts another.
    """
    source = os.environ if environ is None else environ
    values = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in source.items()
        if name.startswith(PREFIX) and value
    }
    values |= {
        name: source[name] for name in (SERVICE_BUS_CONNECTION, SERVICE_BUS_NAMESPACE) if source.get(name)
    }
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = "\n".join(f"  {problem}" for item in error.errors() for problem in _described(item))
        raise ConfigurationError(f"Settings are wrong. Correct these and start again:\n{problems}") from None


def is_this_machine(address: str) -> bool:
    """True for a URL whose host is the loopback."""
    return _split(address).hostname in {"127.0.0.1", "localhost", "::1"}


def _split(address: str) -> SplitResult:
    """Return a URL's parts; none of them where it is no URL."""
    try:
        return urlsplit(address)
    except ValueError:  # such as a bracket that does not end
        return urlsplit("")


def _unsafe_addresses(settings: Settings) -> Iterator[tuple[str, str]]:
    """Whatever carries keys, tokens or records does so by TLS, except to this very machine.

    Azure's SDKs send tokens of identities by TLS only, there too.
    """
    by_identity = {
        "key_vault_url",
        "blob_account_url",
        *(() if settings.cosmos_key else ("cosmos_endpoint",)),
    }
    for field in ("public_url", "jwks_url", "cosmos_endpoint", "key_vault_url", "blob_account_url"):
        text = getattr(settings, field)
        if text is None:
            continue
        address = _split(text)
        local = address.scheme == "http" and is_this_machine(text) and field not in by_identity
        if not address.hostname or (address.scheme != "https" and not local):
            yield _variable(field), "must be an https:// address"


def _unsafe_connections(settings: Settings) -> Iterator[tuple[str, str]]:
    """Connection strings hold keys; both SDKs would send records in the clear where the string says so."""
    queues, blobs = _parts(settings.service_bus_connection), _parts(settings.blob_connection)
    emulated = queues.get("usedevelopmentemulator", "").lower() == "true"
    if emulated and not is_this_machine(queues.get("endpoint", "")):
        yield (
            SERVICE_BUS_CONNECTION,
            "UseDevelopmentEmulator=true goes without TLS: only to this very machine",
        )
    named = [value for name, value in blobs.items() if name in _BLOB_ADDRESSES]
    plain = any(not url.lower().startswith("https://") and not is_this_machine(url) for url in named)
    # Without an address of its own the account's is made of this.
    by_default = "blobendpoint" not in blobs and blobs.get("defaultendpointsprotocol", "https") != "https"
    if plain or by_default:
        yield _variable("blob_connection"), "must use https, except to this very machine"


def _parts(connection: SecretStr | None) -> dict[str, str]:
    """Return a connection string's values by their names in small letters."""
    pairs = (part.partition("=") for part in (connection.get_secret_value() if connection else "").split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def _contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.backend == "embedded":
        for field in (
            "cosmos_endpoint",
            "cosmos_key",
            "key_vault_url",
            "blob_account_url",
            "blob_connection",
            "audit_container",
            "archiver_client_id",
        ):
            if getattr(settings, field) is not None:
                yield _variable(field), f"is for {PREFIX}BACKEND=azure; the embedded backend does not use it"
        return
    for field in ("cosmos_endpoint", "key_vault_url", "jwks_url"):
        if getattr(settings, field) is None:
            yield _variable(field), "is missing; the azure backend needs it"
    for one, other in (
        ("service_bus_connection", "service_bus_namespace"),
        ("blob_connection", "blob_account_url"),
    ):
        given = [field for field in (one, other) if getattr(settings, field) is not None]
        if len(given) != 1:
            is_what = "contradict each other: set one of them" if given else "are missing: set one of them"
            yield f"{_variable(one)} and {_variable(other)}", is_what


def _described(item: Any) -> Iterator[str]:
    raised = item.get("ctx", {}).get("error")
    if isinstance(raised, _InconsistentError):
        yield from (f"{variable}: {problem}" for variable, problem in raised.problems)
    else:
        yield f"{_variable(str(item['loc'][0]))}: {item['msg']}"


def _variable(field: str) -> str:
    info = Settings.model_fields.get(field)
    return (info.alias if info else None) or (
        field if field.startswith(SERVICE_BUS_CONNECTION) else f"{PREFIX}{field.upper()}"
    )
