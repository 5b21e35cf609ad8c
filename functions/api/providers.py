"""Providers: the catalogue."""

from __future__ import annotations

from http import HTTPStatus

from functions._http import Answer, Call, Route
from functions._lists import Listing, ListQuery
from functions._roles import SUPER, SUPER_OR_TENANT
from shared.domain.caller import Role
from shared.domain.model import WireModel
from shared.domain.provider import Provider, ProviderDocument, ProviderStatus


class StatusChange(WireModel):
    """A provider's new status."""

    status: ProviderStatus


async def list_providers(call: Call) -> Answer:
    """Answer with the catalogue as the caller may see it, by id; a page begins behind the id before it."""
    query = call.query(ListQuery)
    providers = await call.runtime.providers.list(_viewer(call))
    following = [provider for provider in providers if provider.id > (query.continuation or "")]
    page = following[: query.limit]
    continuation = page[-1].id if len(following) > len(page) else None
    return Answer(Listing[Provider](items=tuple(page), continuation=continuation))


async def get_provider(call: Call) -> Answer:
    """Answer with one provider."""
    return Answer(await call.runtime.providers.get(call.path["id"], _viewer(call)))


async def create_provider(call: Call) -> Answer:
    """Add a provider to the catalogue."""
    created = await call.runtime.providers.create(call.body(ProviderDocument), repeated=call.repeated)
    return Answer(created, HTTPStatus.CREATED, {"Location": f"/api/providers/{created.id}"})


async def replace_provider(call: Call) -> Answer:
    """Change a provider's document."""
    return Answer(
        await call.runtime.providers.replace(call.path["id"], call.body(ProviderDocument), call.if_match)
    )


async def delete_provider(call: Call) -> Answer:
    """Remove a provider that nobody uses."""
    await call.runtime.providers.delete(call.path["id"], call.if_match)
    return Answer(status=HTTPStatus.NO_CONTENT)


async def change_status(call: Call) -> Answer:
    """Change a provider's status."""
    status = call.body(StatusChange).status
    return Answer(await call.runtime.providers.set_status(call.path["id"], status, call.if_match))


def _viewer(call: Call) -> str | None:
    """Return the tenant whose view of the catalogue counts; None sees everything."""
    everything = call.caller is not None and Role.SUPER_ADMIN in call.caller.roles
    return None if everything else call.tenant_id


ROUTES = (
    Route(
        "ListProviders",
        "GET",
        "providers",
        "The provider catalogue",
        list_providers,
        SUPER_OR_TENANT,
        Listing[Provider],
        query=ListQuery,
    ),
    Route("ReadProvider", "GET", "providers/{id}", "One provider", get_provider, SUPER_OR_TENANT, Provider),
    Route(
        "CreateProvider",
        "POST",
        "providers",
        "Add a provider by its document",
        create_provider,
        SUPER,
        Provider,
        body=ProviderDocument,
        status=HTTPStatus.CREATED,
        takes_key=True,
    ),
    Route(
        "ReplaceProvider",
        "PUT",
        "providers/{id}",
        "Change a provider's document",
        replace_provider,
        SUPER,
        Provider,
        body=ProviderDocument,
        takes_if_match=True,
    ),
    Route(
        "DeleteProvider",
        "DELETE",
        "providers/{id}",
        "Remove a provider that no integration uses",
        delete_provider,
        SUPER,
        status=HTTPStatus.NO_CONTENT,
        takes_if_match=True,
    ),
    Route(
        "ChangeProviderStatus",
        "POST",
        "providers/{id}/status",
        "Change a provider's status",
        change_status,
        SUPER,
        Provider,
        body=StatusChange,
        takes_if_match=True,
    ),
)
