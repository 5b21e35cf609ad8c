"""Changes of the code's declarations that must not go unnoticed in the templates, by kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from shared.backends.azure.grants import BLOBS, Grant, Identity, grants
from tests.infra.code import Code

Change = tuple[Callable[[Code], Code], str]


def _container(code: Code, **changes: object) -> Code:
    changed = replace(code.containers["shards"], **changes)  # type: ignore[arg-type]
    return replace(code, containers={**code.containers, "shards": changed})


def _queue(code: Code, **changes: object) -> Code:
    changed = replace(code.queues["sync-outbound"], **changes)  # type: ignore[arg-type]
    return replace(code, queues={**code.queues, "sync-outbound": changed})


def _one_more_queue(code: Code) -> Code:
    queues = {**code.queues, "more": replace(code.queues["sync-outbound"], name="more")}
    return replace(code, queues=queues, grants=grants(code.containers, queues))


def _one_more_container(code: Code) -> Code:
    containers = {**code.containers, "more": replace(code.containers["shards"], name="more")}
    return replace(code, containers=containers, grants=grants(containers, code.queues))


def _sampled(code: Code) -> Code:
    sampling = {"isEnabled": True, "excludedTypes": "Exception"}
    return replace(code, host={"logging": {"applicationInsights": {"samplingSettings": sampling}}})


def _without(message: str) -> Callable[[Code], Code]:
    return lambda code: replace(code, messages=code.messages - {message})


CODE_CHANGES: dict[str, Change] = {
    "a container's partition key": (lambda code: _container(code, partition_key=("id",)), "other containers"),
    "a container's life time": (lambda code: _container(code, default_ttl=60), "other containers"),
    "a container's indexes": (lambda code: _container(code, indexes=(("a", "b"),)), "other containers"),
    "one more container": (_one_more_container, "missing: app as"),
    "a queue's lock": (lambda code: _queue(code, lock_seconds=60), "other queues"),
    "a queue's sessions": (lambda code: _queue(code, requires_session=False), "other queues"),
    "one more queue": (_one_more_queue, "other queues"),
    "one more setting": (
        lambda code: replace(code, settings=[*code.settings, "INTEGRATIONS_MORE"]),
        "setting INTEGRATIONS_MORE is missing",
    ),
    "a setting that is no longer read": (
        lambda code: replace(code, settings=[name for name in code.settings if "JWKS" not in name]),
        "app setting INTEGRATIONS_JWKS_URL: nobody reads it",
    ),
    "one more need": (
        lambda code: replace(code, grants=code.grants | {Grant(Identity.ARCHIVER, BLOBS, "archive/more")}),
        "missing: archiver as",
    ),
    "one need less": (
        lambda code: replace(code, grants=frozenset(one for one in code.grants if one.on != "key-vault")),
        "nobody needs: app as",
    ),
    "what a role allows": (
        lambda code: replace(
            code,
            grants=frozenset(
                replace(one, role=replace(one.role, data_actions=frozenset())) for one in code.grants
            ),
        ),
        "the role Audit writer allows",
    ),
    "a container of the archive": (
        lambda code: replace(code, grants=code.grants | {Grant(Identity.APP, BLOBS, "archive/more")}),
        "the archive has the containers",
    ),
    "a message that alerts wait for": (
        _without("A message could not be handled"),
        "which the app never logs",
    ),
    "the sign of life": (_without("Integrations were counted"), "silence looks for"),
    "a message that ends with an error": (
        _without("An access token could not be renewed yet: %s"),
        "tokens looks for",
    ),
    "a message of the workbooks": (_without("A sync run has ended"), "integrations.json: runs looks for"),
    "an error's code": (
        lambda code: replace(code, error_codes=code.error_codes - {"credentials_rejected"}),
        "'credentials_rejected', which the app never logs",
    ),
    "an error's source": (lambda code: replace(code, error_sources=frozenset()), "'provider', which the app"),
    "Python": (lambda code: replace(code, python="3.12"), "runtime.version"),
    "what may be sampled": (_sampled, "host.json leaves what alerts count to chance"),
}
"""What is changed, and what the check says."""
