"""Formats and named checks: as exact as the libraries and lists that they stand on."""

from __future__ import annotations

from typing import Any

import phonenumbers
import pycountry
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.iso_codes import COUNTRIES, CURRENCIES
from shared.domain.named_checks import NAMED_CHECKS
from shared.domain.value_formats import format_test


def library_accepts_email(value: str) -> bool:
    try:
        validate_email(value, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def library_accepts_phone(value: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(value, region))
    except phonenumbers.NumberParseException:
        return False


local_parts = st.text(alphabet='ab.+_-"\\ é', max_size=6) | st.sampled_from(["a" * 64, "a" * 65])
domains = st.sampled_from(
    ["b.no", "b.test", "b", "xn--bcher-kva.de", "bücher.de", "b-.no", "b..no", "[1.2.3.4]"]
)
labels = st.text(alphabet="abZ09-", min_size=1, max_size=5) | st.sampled_from(["a" * 63, "a" * 64])
last_labels = st.sampled_from(["com", "c", "co1", "TEST", "local", "a" * 63, "a" * 64])
made_domains = st.builds(
    lambda parts, last: ".".join([*parts, last]), st.lists(labels, min_size=1, max_size=4), last_labels
)
long_domains = st.integers(180, 260).map(lambda length: "b." * (length // 2) + "no")


@given(st.builds("{}@{}".format, local_parts, domains | made_domains | long_domains) | st.text(max_size=12))
@example("a" * 64 + "@" + "b." * 93 + "no")
@example("a" * 64 + "@" + "b." * 94 + "no")
@example("a@b.no\n")
@example("a@b@b.no")
@example("a" * 1001 + "@b.no")
@example("a@XN--BCHER-KVA.de")
def test_email_is_what_the_library_accepts(value: str) -> None:
    """The short cut for plain addresses changes no answer."""
    assert format_test("email", None)(value) == library_accepts_email(value)


phone_like = st.text(alphabet="0123456789 +-().x", max_size=16) | st.sampled_from(["", "1", "1" * 251])


@given(phone_like, st.sampled_from([None, "US", "NO"]))
@example("22 33 44 55", "NO")
@example("+47 22334455", None)
@example("(415) 555-0100 x5", "US")
def test_phone_is_what_the_library_accepts(value: str, region: str | None) -> None:
    """The short cut for hopeless lengths changes no answer."""
    assert format_test("phone", region)(value) == library_accepts_phone(value, region)


@pytest.mark.parametrize(
    ("name", "value", "good"),
    [
        ("url", "HTTPS://example.com/a?b=c#d", True),
        ("url", "http://[::1]:8080/", True),
        ("url", "ftp://example.com", False),
        ("url", "https:example.com", False),
        ("url", " https://example.com", False),
        ("url", "https://", False),
        ("url", "https://example.com/" + "a" * 2083, False),
        ("date", "2024-02-29", True),
        ("date", "20240229", False),
        ("date", "2020-W01-1", False),
        ("dateTime", "2026-01-31T12:00:00.123+01:00", True),
        ("dateTime", "2026-01-31 12:00:00Z", False),
        ("dateTime", "2026-01-31T25:00:00Z", False),
        ("uuid", "0B2F9A3E-6C1D-4F7A-9A51-2F6F0D3C4B5E", True),
        ("uuid", "{0b2f9a3e-6c1d-4f7a-9a51-2f6f0d3c4b5e}", False),
    ],
)
def test_the_other_formats(name: Any, value: str, good: bool) -> None:
    """One way of writing each, the one that other systems read."""
    assert format_test(name, None)(value) is good


@pytest.mark.parametrize("name", ["email", "phone", "url", "date", "dateTime", "uuid"])
@pytest.mark.parametrize("value", [7, True, [], {}, ["a@b.no"]])
def test_what_is_no_text_has_no_format(name: Any, value: Any) -> None:
    """A number is no date, and a list of addresses no address."""
    assert format_test(name, None)(value) is False


@pytest.mark.parametrize("name", NAMED_CHECKS)
@pytest.mark.parametrize("value", [7, True, [], {}, ""])
def test_named_checks_are_about_text(name: str, value: Any) -> None:
    """Whatever else a provider sends does not pass, and does not fail otherwise."""
    assert NAMED_CHECKS[name](value) is False


@pytest.mark.parametrize(
    ("name", "value", "good"),
    [
        ("luhn", "490154203237518", True),
        ("luhn", "490154203237517", False),
        ("luhn", "0", False),
        ("iban", "GB82 WEST 1234 5698 7654 32", True),
        ("iban", "XK051212012345678906", True),
        ("iban", "GB82 WEST 1234 5698 7654 33", False),
        ("iban", "ZZ82 WEST 1234 5698 7654 32", False),
    ],
)
def test_check_digits(name: str, value: str, good: bool) -> None:
    """Published examples of each formula, and the same with a digit changed."""
    assert NAMED_CHECKS[name](value) is good


def test_the_codes_are_those_in_use() -> None:
    """Countries and currencies come and go: a newer release of the data shows here which did."""
    assert {country.alpha_2 for country in pycountry.countries} == COUNTRIES
    assert {currency.alpha_3 for currency in pycountry.currencies} == CURRENCIES
