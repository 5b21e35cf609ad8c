"""Requests that the present state refuses, and providers that can not be so."""

from __future__ import annotations

from shared.domain.caller import Role
from tests.unit.functions.bad_request import NOT_VALID, Bad
from tests.unit.functions.test_api import NEW, PROVIDER

BAD: dict[str, Bad] = {
    "stale change": Bad(
        "PATCH",
        "integrations/{id}",
        {"name": "x"},
        412,
        "stale_write",
        "The integration was changed since you read it; read it again.",
        headers={"If_Match": '"9"'},
    ),
    "stale provider": Bad(
        "PUT",
        "providers/kinto",
        PROVIDER,
        412,
        "stale_write",
        "The provider was changed since you read it; read it again.",
        role=Role.SUPER_ADMIN,
        headers={"If_Match": '"9"'},
    ),
    "two versions": Bad(
        "DELETE",
        "integrations/{id}",
        None,
        400,
        "malformed_request",
        "If-Match: send the one ETag that you read.",
        headers={"If_Match": '"1", "2"'},
    ),
    "sync while disabled": Bad(
        "POST",
        "integrations/{id}/sync",
        {},
        409,
        "invalid_state",
        "The integration is not active: POST /api/integrations/{id}/activate first.",
    ),
    "sync of an unmapped entity": Bad(
        "POST",
        "integrations/{id}/sync",
        {"entity": "x"},
        422,
        "invalid_request",
        "The entity is not mapped.",
        [("entity", "not mapped; one of: record")],
    ),
    "sync in no mode": Bad(
        "POST",
        "integrations/{id}/sync",
        {"mode": "fast"},
        422,
        "invalid_request",
        NOT_VALID,
        [("mode", "must be 'incremental' or 'full'")],
    ),
    "sync without a mapping": Bad(
        "POST",
        "integrations/{unmapped}/sync",
        {},
        409,
        "invalid_state",
        "The integration maps no entity; set entityMappings first.",
    ),
    "activated without a mapping": Bad(
        "POST",
        "integrations/{unmapped}/activate",
        None,
        409,
        "invalid_state",
        "The integration maps no entity; set entityMappings first.",
    ),
    "credentials that nobody asked for": Bad(
        "PUT",
        "integrations/{id}/credentials",
        {"values": {"token": "x"}},
        422,
        "invalid_request",
        "These are not the credentials that the provider asks for.",
        [("values.token", "unknown; the provider asks for nothing")],
    ),
    "credentials missing": Bad(
        "PUT",
        "integrations/{locked}/credentials",
        {"values": {}},
        422,
        "invalid_request",
        "These are not the credentials that the provider asks for.",
        [("values.apiKey", "is missing; add it")],
    ),
    "credentials that are no text": Bad(
        "PUT",
        "integrations/{locked}/credentials",
        {"values": {"apiKey": 5}},
        422,
        "invalid_request",
        NOT_VALID,
        [("values.apiKey", "must be text; put it in quotes")],
    ),
    "provider that is there": Bad(
        "POST",
        "providers",
        {**PROVIDER, "id": "kinto"},
        409,
        "already_exists",
        "There is a provider kinto already; change it with PUT.",
        role=Role.SUPER_ADMIN,
    ),
    "provider with a broken document": Bad(
        "POST",
        "providers",
        {**PROVIDER, "rest": {**PROVIDER["rest"], "auth": {"kind": "magic"}}},
        422,
        "invalid_request",
        "The provider document is not valid.",
        [
            (
                "rest.auth",
                (
                    "has the unknown kind 'magic'; use 'none', 'apiKey', 'basic', 'bearer',"
                    " 'oauth2ClientCredentials', 'oauth2AuthorizationCode', 'oauth2JwtBearer'"
                ),
            )
        ],
        role=Role.SUPER_ADMIN,
    ),
    "provider of another id": Bad(
        "PUT",
        "providers/kinto",
        PROVIDER,
        422,
        "invalid_request",
        "A provider keeps its id and its category.",
        [("id", "can't change; it is kinto"), ("category", "can't change; it is storage")],
        role=Role.SUPER_ADMIN,
    ),
    "provider's status": Bad(
        "POST",
        "providers/kinto/status",
        {"status": "gone"},
        422,
        "invalid_request",
        NOT_VALID,
        [("status", "must be 'active', 'beta', 'deprecated' or 'disabled'")],
        role=Role.SUPER_ADMIN,
    ),
    "shipped provider deleted": Bad(
        "DELETE",
        "providers/kinto",
        None,
        409,
        "invalid_state",
        "The provider ships with the app and can't be deleted; disable it instead.",
        role=Role.SUPER_ADMIN,
    ),
    "unknown provider read": Bad(
        "GET", "providers/x", None, 404, "not_found", "There is no provider x; GET /api/providers lists them."
    ),
    "key that is none": Bad(
        "POST",
        "integrations",
        NEW,
        400,
        "malformed_request",
        "Idempotency-Key: send 1 to 255 visible ASCII characters; a UUID will do.",
        headers={"Idempotency_Key": "a b"},
    ),
}
