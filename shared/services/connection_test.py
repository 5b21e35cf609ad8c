"""Trying an integration's connection when somebody asks: what works, what doesn't, and what to do about it.

Nothing is stored and nothing is written at the provider.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from shared.domain.errors import (
    AccessDeniedError,
    ConfigurationError,
    CredentialsRejectedError,
    IntegrationError,
    ProviderContractError,
    RetryableError,
    UnavailableError,
)
from shared.domain.integration import Integration
from shared.domain.model import WireModel
from shared.domain.provider import Provider
from shared.ports.adapter import Adapter, AdapterSource, Credentials, FetchRequest
from shared.ports.clock import Clock
from shared.repositories.integrations import IntegrationRepository
from shared.repositories.providers import ProviderRepository
from shared.services.credentials import CredentialSource

Opening = Callable[[], Awaitable[Credentials]]
"""Gets what to sign in with; may raise what using it would."""

TEST_SECONDS = 10.0
"""A test ends after this time: somebody waits for the answer."""

SLOW_SECONDS = 5.0
"""The guide's warning ("Alerting Thresholds", latency)."""

_SAMPLE = 1
_SEARCHED = "test"
"""The guide's smoke test searches for it."""


class StepName(StrEnum):
    """The guide's "Connection Testing Procedures", in order: each needs those before it."""

    CONNECTIVITY = "connectivity"
    AUTHENTICATION = "authentication"
    AUTHORIZATION = "authorization"
    DATA_ACCESS = "dataAccess"
    PERFORMANCE = "performance"


class Outcome(StrEnum):
    """What became of a step. `skipped`: one before it failed, or the provider has no such thing."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class StepReport(WireModel):
    """One step: for a failed one the error's code, what went wrong, and what to do."""

    name: StepName
    outcome: Outcome
    code: str | None = None
    message: str | None = None
    cure: str | None = None


class ConnectionReport(WireModel):
    """What a connection test found.

    Attributes:
        entity: Whose list was asked for.
        records: How many came: one at most is asked for.
        seconds: How long the answer took.
    """

    passed: bool
    entity: str
    records: int
    seconds: float
    steps: tuple[StepReport, ...]


class SmokeDetail(WireModel):
    """One of the smoke test's requests."""

    name: str
    outcome: Outcome
    seconds: float = 0.0
    code: str | None = None
    message: str | None = None


class SmokeReport(WireModel):
    """The guide's SmokeTestResult: how many requests did and didn't do, and each of them."""

    passed: int
    failed: int
    details: tuple[SmokeDetail, ...]


@dataclass(frozen=True, slots=True)
class _Blame:
    step: StepName
    cure: str


_BLAMED: tuple[tuple[type[IntegrationError], _Blame], ...] = (
    (
        CredentialsRejectedError,
        _Blame(StepName.AUTHENTICATION, "Store credentials that the provider accepts."),
    ),
    (
        AccessDeniedError,
        _Blame(StepName.AUTHORIZATION, "Give the account that signs in the right to read this entity."),
    ),
    (
        RetryableError,
        _Blame(
            StepName.CONNECTIVITY,
            "Check the server's address in the settings and the provider's status, or try again later.",
        ),
    ),
    (ConfigurationError, _Blame(StepName.CONNECTIVITY, "Mend the settings: no request could be made.")),
    (
        IntegrationError,
        _Blame(StepName.DATA_ACCESS, "Compare the provider's document with what its API answers."),
    ),
)
"""The first row that fits says which step an error belongs to."""


class ConnectionTester:
    """Tries integrations' connections.

    Args:
        integrations, providers: Where the documents are.
        adapters: Open lines to providers.
        credentials: What they sign in with.
        clock: Time.
        limit_seconds: So long may the provider take for one answer, with what the adapter repeats.
    """

    def __init__(
        self,
        integrations: IntegrationRepository,
        providers: ProviderRepository,
        adapters: AdapterSource,
        credentials: CredentialSource,
        clock: Clock,
        limit_seconds: float = TEST_SECONDS,
    ) -> None:
        self._integrations = integrations
        self._providers = providers
        self._adapters = adapters
        self._credentials = credentials
        self._clock = clock
        self._limit_seconds = limit_seconds

    async def test(self, tenant_id: str, integration_id: str) -> ConnectionReport:
        """Ask for one record, and say how far that came. Raises NotFoundError."""
        integration, provider = await self._found(tenant_id, integration_id)
        return await self.report(integration, provider, partial(self._credentials.of, integration, provider))

    async def report(
        self, integration: Integration, provider: Provider, credentials: Opening
    ) -> ConnectionReport:
        """Do so with other credentials than the integration's own; what getting them raises counts."""
        entity = self._entity(integration, provider)
        started = self._clock.monotonic()
        failure: IntegrationError | None = None
        records = 0
        try:
            records = await self._within_time(self._fetch(integration, provider, entity, credentials))
        except IntegrationError as error:
            failure = error
        seconds = round(self._clock.monotonic() - started, 3)
        steps = _steps(failure, seconds)
        passed = all(step.outcome is Outcome.PASSED for step in steps)
        return ConnectionReport(passed=passed, entity=entity, records=records, seconds=seconds, steps=steps)

    async def smoke_test(self, tenant_id: str, integration_id: str) -> SmokeReport:
        """Connect, read one record and search, each on its own (guide, "Integration Smoke Tests").

        Raises:
            NotFoundError: The tenant has no such integration.
        """
        integration, provider = await self._found(tenant_id, integration_id)
        entity = self._entity(integration, provider)
        use = partial(self._credentials.of, integration, provider)
        details = (
            await self._tried("Connection", self._connect(integration, provider, entity, use)),
            await self._tried("Fetch Records", self._fetch(integration, provider, entity, use)),
            await self._tried("Search", self._search(integration, provider, entity, use)),
        )
        outcomes = [detail.outcome for detail in details]
        return SmokeReport(
            passed=outcomes.count(Outcome.PASSED), failed=outcomes.count(Outcome.FAILED), details=details
        )

    async def _found(self, tenant_id: str, integration_id: str) -> tuple[Integration, Provider]:
        integration = await self._integrations.get(tenant_id, integration_id)
        return integration, await self._providers.get(integration.provider_category, integration.provider_id)

    def _entity(self, integration: Integration, provider: Provider) -> str:
        mapped = [mapping.entity for mapping in integration.entity_mappings]
        return next(iter([*mapped, *self._adapters.entities(provider)]))

    async def _within_time(self, trying: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(self._limit_seconds):
                return await trying
        except TimeoutError:
            raise UnavailableError(f"No answer came within {self._limit_seconds:g} s.") from None

    async def _tried(self, name: str, trying: Awaitable[Any]) -> SmokeDetail:
        started = self._clock.monotonic()
        try:
            result = await self._within_time(trying)
        except IntegrationError as error:
            seconds = round(self._clock.monotonic() - started, 3)
            return SmokeDetail(
                name=name, outcome=Outcome.FAILED, seconds=seconds, code=error.code, message=str(error)
            )
        if result is None:
            return SmokeDetail(name=name, outcome=Outcome.SKIPPED, message="The provider has no search.")
        return SmokeDetail(
            name=name, outcome=Outcome.PASSED, seconds=round(self._clock.monotonic() - started, 3)
        )

    async def _connect(
        self, integration: Integration, provider: Provider, entity: str, credentials: Opening
    ) -> bool:
        """Return True when the provider knows us, whatever it answers to a request for data."""
        try:
            await self._fetch(integration, provider, entity, credentials)
        except (RetryableError, CredentialsRejectedError, ConfigurationError):
            raise
        except IntegrationError:
            return True
        return True

    async def _fetch(
        self, integration: Integration, provider: Provider, entity: str, credentials: Opening
    ) -> int:
        async with self._opened(integration, provider, credentials) as adapter:
            records = (await adapter.fetch_page(FetchRequest(entity, None, None, _SAMPLE))).records
            reasons = [record.rejection for record in records if record.rejection]
            if reasons and len(reasons) == len(records):
                raise ProviderContractError(reasons[0].message)
            return len(records)

    async def _search(
        self, integration: Integration, provider: Provider, entity: str, credentials: Opening
    ) -> int | None:
        async with self._opened(integration, provider, credentials) as adapter:
            if "search" not in adapter.operations(entity):
                return None
            return len(await adapter.search(entity, _SEARCHED, _SAMPLE))

    @asynccontextmanager
    async def _opened(
        self, integration: Integration, provider: Provider, credentials: Opening
    ) -> AsyncIterator[Adapter]:
        adapter = self._adapters.open(provider, integration, await credentials())
        try:
            yield adapter
        finally:
            await adapter.close()


def _steps(failure: IntegrationError | None, seconds: float) -> tuple[StepReport, ...]:
    blame = _blame(failure, seconds)
    if blame is None:
        return tuple(StepReport(name=name, outcome=Outcome.PASSED) for name in StepName)
    names = list(StepName)
    place = names.index(blame.step)
    failed = StepReport(
        name=blame.step,
        outcome=Outcome.FAILED,
        code=failure.code if failure else "slow",
        message=str(failure) if failure else f"The answer took {seconds:.1f} s.",
        cure=blame.cure,
    )
    return (
        *(StepReport(name=name, outcome=Outcome.PASSED) for name in names[:place]),
        failed,
        *(StepReport(name=name, outcome=Outcome.SKIPPED) for name in names[place + 1 :]),
    )


def _blame(failure: IntegrationError | None, seconds: float) -> _Blame | None:
    if failure:
        return next(blame for kind, blame in _BLAMED if isinstance(failure, kind))
    if seconds > SLOW_SECONDS:
        return _Blame(StepName.PERFORMANCE, "Ask the provider why; syncs will be slow, but they will work.")
    return None
