"""Providers as the sync sees them: records in and out, whatever the wire looks like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from shared.domain.errors import Problem, Reason
from shared.domain.integration import Integration
from shared.domain.malformed import NAMELESS_CODES
from shared.domain.provider import Provider, ProviderDocument
from shared.domain.sweeps import Sweep
from shared.ports.token_source import AuthorizationEndpoint, TokenEndpoint, TokenSource


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an integration signs in with. The repr shows nothing of it.

    Attributes:
        values: Its secrets by their names, as `credential_fields` tells them.
        tokens: Its access tokens, where the provider has a token endpoint; `values` are not needed then.
    """

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    tokens: TokenSource | None = field(default=None, repr=False)


NO_CREDENTIALS = Credentials()
"""For providers that ask for none."""


Operation = Literal["get", "create", "update", "delete", "search"]
"""What a provider's document may declare for an entity, besides its list."""


@dataclass(slots=True)
class SourceRecord:
    """One record as the provider sent it. For a deleted one, `data` may hold no more than its id.

    Attributes:
        version: What a conditional write sends back; None where the provider tells none.
        rejection: Why the record can't be read as the provider's document says, with one of
            MALFORMED_CODES; None for a good one. It is on pages only. Where it has no id of its own,
            `external_id` is made of its content; where it is no object, `data` has it as `value`.
    """

    external_id: str
    data: Mapping[str, Any]
    modified_at: str | int | None = None
    deleted: bool = False
    version: str | int | None = None
    rejection: Reason | None = None

    @property
    def is_nameless(self) -> bool:
        """True where nobody knows which record it is."""
        return self.rejection is not None and self.rejection.code in NAMELESS_CODES


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """Which page to fetch.

    Attributes:
        entity: Name of the entity in the provider's document.
        watermark: Where an incremental run begins; None reads everything.
        deletions_since: Where a run that reads everything (`watermark` is None) asks for deletions: what is
            stored was there at that time. None where nothing is stored, or nobody knows.
        position: The `next_position` of the page before; None for the first.
        page_size: How many records to ask for; the provider may give fewer.
        fields: Dotted paths of all that will be read of a record; None where that is not known.
    """

    entity: str
    watermark: str | int | None
    position: Mapping[str, Any] | None
    page_size: int
    fields: frozenset[str] | None = None
    deletions_since: str | int | None = None


@dataclass(frozen=True, slots=True)
class SourcePage:
    """A page of records in the provider's order.

    Attributes:
        records: May be empty, also before the last page.
        next_position: How to ask for the next page, as JSON that a checkpoint keeps; None after the last.
        watermark: Where the next incremental run may begin once every page up to this one is stored;
            None when the page tells nothing.
        complete: False on the last page where the reading has left out what may still be there: then nothing
            that it has not seen counts as gone.
    """

    records: Sequence[SourceRecord]
    next_position: Mapping[str, Any] | None
    watermark: str | int | None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class ListExtras:
    """What a provider's document declares for an entity's list, besides its pages.

    Attributes:
        selects_fields: Whether a request can name the fields that it needs.
        deletions: The position of the first page of a separate list of deletions, which is asked with a
            watermark; None where there is no such list.
    """

    selects_fields: bool = False
    deletions: Mapping[str, Any] | None = None


class Adapter(Protocol):
    """One integration's open line to its provider.

    Every call raises, besides what it names:
        ThrottledError, UnavailableError: Ask again later.
        CredentialsRejectedError, AccessDeniedError: The provider refuses.
        ProviderContractError: The answer is not what the provider's document says.
        ConfigurationError: The provider's document and the integration's settings don't fit, or the entity
            has no such request.
        StopError: The provider says that it will fail again.
        InvalidRequestError: An id, a text or a number of the caller's that can't be sent.
    """

    def operations(self, entity: str) -> frozenset[Operation]:
        """Return which requests an entity has, besides its list. Raises ConfigurationError only."""
        ...

    async def get(self, entity: str, external_id: str) -> SourceRecord | None:
        """Return a record; None where the provider has it not (any more)."""
        ...

    async def create(self, entity: str, fields: Mapping[str, Any], idempotency_key: str) -> SourceRecord:
        """Make a record, and return it with its id.

        Args:
            entity: Name of the entity in the provider's document.
            fields: The record as the provider's API writes it.
            idempotency_key: The same for every attempt at the same record, 1 to 255 visible characters. Not
                every provider looks at it.

        Raises:
            UncertainOutcomeError: It may have been made: look it up before trying again.
            RecordConflictError: The provider has it already.
            RecordRejectedError: The provider does not take this record (`provider_rejected`), or it can't be
                written as the document says.
        """
        ...

    async def update(
        self, entity: str, external_id: str, fields: Mapping[str, Any], version: str | int | None
    ) -> SourceRecord:
        """Write fields of a record, and return it as answered: perhaps without data, or without version.

        Args:
            entity: Name of the entity in the provider's document.
            external_id: The record's.
            fields: What to write.
            version: The one that the caller knows; None writes over any version.

        Raises:
            RecordConflictError: The record has another version, or (RecordMissingError) is not there. After
                a lost answer it may be the caller's own write that made the other version.
            RecordRejectedError: The provider does not take this record (`provider_rejected`), or it can't be
                written as the document says.
        """
        ...

    async def delete(self, entity: str, external_id: str, version: str | int | None) -> None:
        """Delete a record; one that is not there is deleted.

        Args:
            entity: Name of the entity in the provider's document.
            external_id: The record's.
            version: The one that the caller knows; None deletes any version.

        Raises:
            RecordConflictError: The record has another version.
            RecordRejectedError: The provider does not let this record go.
        """
        ...

    async def search(self, entity: str, text: str, limit: int) -> Sequence[SourceRecord]:
        """Return records that hold a text, the provider's best first.

        Args:
            entity: Name of the entity in the provider's document.
            text: 1 to 1,000 characters.
            limit: The most records to return, 1 to 1,000.
        """
        ...

    async def fetch_page(self, request: FetchRequest) -> SourcePage:
        """Fetch one page.

        Raises:
            ResyncRequiredError: The provider no longer knows the watermark.
        """
        ...

    async def close(self) -> None:
        """Close connections. Idempotent."""
        ...


class AdapterSource(Protocol):
    """Makes adapters."""

    def open(
        self,
        provider: Provider,
        integration: Integration,
        credentials: Credentials = NO_CREDENTIALS,
        tenant_id: str | None = None,
    ) -> Adapter:
        """Return an adapter for one integration; nothing goes over the network yet.

        Its calls raise AccessDeniedError for entities that the integration may not exchange for a tenant.

        Args:
            provider: Whose API it is.
            integration: Has the settings, and says what may be exchanged.
            credentials: What to sign in with.
            tenant_id: For whom; None for the integration's own tenant.

        Raises:
            ConfigurationError: The integration's settings or its credentials lack what the provider's
                document needs.
        """
        ...

    def token_endpoint(self, provider: Provider, integration: Integration) -> TokenEndpoint | None:
        """Return where an integration's access tokens come from; None where its provider knows no such thing.

        Raises:
            ConfigurationError: The provider's document has problems, or the settings don't fit it.
        """
        ...

    def authorization_endpoint(
        self, provider: Provider, integration: Integration
    ) -> AuthorizationEndpoint | None:
        """Return where people allow the app in; None where the provider knows no such thing.

        Raises:
            ConfigurationError: The provider's document has problems, or the settings don't fit it.
        """
        ...

    def auth_kind(self, provider: ProviderDocument) -> str:
        """Return the `kind` of the document's `auth`, `none` where it has none.

        Raises:
            ConfigurationError: The document has problems.
        """
        ...

    def credential_fields(self, provider: ProviderDocument) -> Sequence[str]:
        """Return the names of the credentials that an integration of the provider must have.

        Raises:
            ConfigurationError: The document has problems.
        """
        ...

    def entered_fields(self, provider: ProviderDocument) -> Sequence[str]:
        """Return those of the credentials that people enter: all but what comes from connecting.

        Raises:
            ConfigurationError: The document has problems.
        """
        ...

    def check(self, document: ProviderDocument) -> Sequence[Problem]:
        """Return everything that is wrong with a provider's document; empty when it can be used."""
        ...

    def entities(self, provider: ProviderDocument) -> Sequence[str]:
        """Return the names of the entities that the provider's document describes."""
        ...

    def sweep(self, provider: ProviderDocument, entity: str) -> Sweep:
        """Return what it takes for a record that a complete reading of an entity misses to count as gone.

        An entity that the provider's document does not have is never swept.
        """
        ...

    def list_extras(self, provider: ProviderDocument, entity: str) -> ListExtras:
        """Return what the provider's document declares for the list of one of its entities."""
        ...

    def check_settings(self, provider: ProviderDocument, settings: Mapping[str, str]) -> None:
        """Make sure that an integration's settings are what the provider's document asks for.

        Raises:
            ConfigurationError: One is missing, unknown, or not of its kind; `problems` has an entry for each.
        """
        ...
