"""Names of secrets."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import InvalidRequestError
from shared.domain.secret_names import credential_secret_name, parse_credential_secret_name

ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,10}", fullmatch=True)


@given(ids, ids, ids)
def test_parse_is_the_inverse_of_build(tenant: str, integration: str, provider: str) -> None:
    """Whatever characters an id holds, it comes back."""
    name = credential_secret_name(tenant, integration, provider)
    assert parse_credential_secret_name(name) == (tenant, integration, provider)
    assert re.fullmatch(r"[0-9a-zA-Z-]{1,127}", name)


@given(ids, ids)
def test_ids_that_differ_only_in_case_have_different_names(one: str, other: str) -> None:
    """Key Vault compares names without case."""
    first, second = (credential_secret_name(tenant, "i", "p").lower() for tenant in (one, other))
    assert (first == second) == (one == other)


def test_a_name_that_would_be_too_long_is_refused() -> None:
    """Before anything is stored."""
    with pytest.raises(InvalidRequestError, match="shorter ids"):
        credential_secret_name("T" * 60, "i", "p")


@pytest.mark.parametrize(
    "name", ["", "tenant-a-b-credentials", "system-a-b-c-credentials", "tenant-0xzz-b-c-credentials"]
)
def test_other_names_are_not_taken_for_credentials(name: str) -> None:
    """A foreign secret is nobody's credentials."""
    with pytest.raises(InvalidRequestError):
        parse_credential_secret_name(name)
