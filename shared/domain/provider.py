"""Providers: what the catalogue knows about an external system."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from shared.domain.model import Id, StoredModel, WireModel

SettingName = Annotated[str, StringConstraints(pattern=r"^[a-z][A-Za-z0-9]{0,49}$")]


class ProviderStatus(StrEnum):
    """Whether tenants may use a provider. `disabled` stops its syncs, `deprecated` only new integrations."""

    ACTIVE = "active"
    BETA = "beta"
    DEPRECATED = "deprecated"
    DISABLED = "disabled"


class SettingDeclaration(WireModel):
    """A value that an integration supplies, such as the server's URL. Never a secret."""

    description: str = ""
    kind: Literal["text", "url"] = "text"
    required: bool = True
    default: str | None = None


class ProviderDocument(WireModel):
    """A provider as its author writes it, in one YAML or JSON document."""

    id: Id
    category: Id
    display_name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    description: str = ""
    status: ProviderStatus = ProviderStatus.ACTIVE
    visible_to: tuple[Id, ...] | None = Field(
        default=None, description="Tenants that see the provider; null means all."
    )
    settings: dict[SettingName, SettingDeclaration] = {}
    adapter: Literal["rest"] = "rest"
    rest: dict[str, Any] = Field(description="How to talk to it; see the provider authoring guide.")


class Provider(ProviderDocument, StoredModel):
    """A provider in the catalogue.

    Attributes:
        shipped: It comes with the app, and changes only with it.
        overrides_shipped: It is stored, and stands before a shipped one of its id, also before later versions
            of that; deleting it gives the shipped one back. Told anew at every reading.
    """

    shipped: bool = False
    overrides_shipped: bool = False

    def is_visible_to(self, tenant_id: str) -> bool:
        """True when the tenant's administrators see this provider."""
        return self.visible_to is None or tenant_id in self.visible_to
