"""Names of secrets."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import InvalidRequestError
from shared.domain.secret_names import (
    SecretName,
    connection_secret_name,
    credential_secret_name,
    parse_secret_name,
    system_secret_name,
)

plain = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,8}", fullmatch=True)
odd = st.sampled_from(["user", "0x41", "0uabc", "tenant", "oauth", "a--b", "a-b"])
ids = plain | odd
types = st.sampled_from(["oauth", "credentials"])
tenant_names = st.builds(SecretName, types, ids, ids, ids, st.none() | ids)
names = st.one_of(
    tenant_names, st.builds(SecretName, types, ids), st.builds(SecretName, types, st.uuids().map(str))
)

UUID = "123e4567-e89b-12d3-a456-426614174000"


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        (
            "tenant-abc123-salesforce-sales-team-oauth",
            SecretName("oauth", "salesforce", "abc123", "sales-team"),
        ),
        (
            "tenant-abc123-user-user456-gmail-personal-oauth",
            SecretName("oauth", "gmail", "abc123", "personal", "user456"),
        ),
        ("system-salesforce-oauth", SecretName("oauth", "salesforce")),
    ],
)
def test_the_guides_examples_are_valid(name: str, meaning: SecretName) -> None:
    """The guide's three examples are names, and mean what they say there."""
    assert parse_secret_name(name) == meaning
    assert str(meaning) == name


@given(names)
def test_parse_is_the_inverse_of_build(meaning: SecretName) -> None:
    """Whatever characters an id holds, it comes back."""
    name = str(meaning)
    assert parse_secret_name(name) == meaning
    assert re.fullmatch(r"[0-9a-zA-Z-]{1,127}", name)


@given(names, names)
def test_what_differs_has_different_names_in_any_case(one: SecretName, other: SecretName) -> None:
    """Key Vault compares names without case."""
    assert (str(one).lower() == str(other).lower()) == (one == other)


def test_ids_that_are_uuids_fit() -> None:
    """Tenant, user and integration may all be UUIDs."""
    name = connection_secret_name(UUID, UUID, "salesforce", UUID)
    assert len(name) <= 127
    assert parse_secret_name(name) == SecretName("oauth", "salesforce", UUID, UUID, UUID)
    assert len(credential_secret_name(UUID, UUID, "some-provider")) <= 127


def test_a_provider_called_user_is_not_taken_for_an_owner() -> None:
    """`user` is the mark before a user's id, and nothing else."""
    name = credential_secret_name("acme", "a-b", "user")
    assert parse_secret_name(name) == SecretName("credentials", "user", "acme", "a-b")


def test_a_name_that_would_be_too_long_is_refused() -> None:
    """Before anything is stored."""
    with pytest.raises(InvalidRequestError, match="shorter ids"):
        credential_secret_name("T" * 60, "i", "p")


def test_the_systems_secrets_have_a_scope_of_their_own() -> None:
    """What the whole system uses belongs to no tenant."""
    assert parse_secret_name(system_secret_name("my_crm")) == SecretName("oauth", "my_crm")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "tenant-a-b-credentials",
        "system-a-b-c-credentials",
        "tenant-0xzz-b-c-credentials",
        "tenant-a-b-c-other",
        "tenant-A-b-c-oauth",
        "tenant-a-user-b-oauth",
        "tenant-a-b--c-oauth",
        "tenant-0x61-b-c-oauth",
        "tenant-0u1-b-c-oauth",
        "tenant-0uzzzzzzzzzzzzzzzzzzzzzzzzz-b-c-oauth",
    ],
)
def test_other_names_are_not_taken_for_ours(name: str) -> None:
    """A foreign secret is nobody's, and neither is one that the app would have written otherwise."""
    with pytest.raises(InvalidRequestError):
        parse_secret_name(name)
