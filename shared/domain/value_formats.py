"""What the formats of validation rules accept.

A library is imported when the first rule that needs it is compiled: email-validator takes 40 ms and
phonenumbers 35 ms, which a cold start need not spend. The two cost 28 and 20 microseconds a call, more than
everything else that happens to a record; what can be decided exactly without them is, and what they said
is remembered, for as many values as stated here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Literal

from pydantic_core import SchemaValidator, core_schema

from shared.domain.dates import is_date, is_date_time
from shared.domain.text_patterns import pattern_test
from shared.domain.value_tests import Test

FormatName = Literal["email", "phone", "url", "date", "dateTime", "uuid"]

REMEMBERED_VALUES = 8192
"""Bounds each of the two memories to 2 MB or so."""

_EMAIL_LENGTH = 254
"""RFC 5321 by way of erratum 1690 of RFC 3696; the library's limit too."""
_EMAIL_TEXT_LENGTH = 1000
"""What is longer is no address, however many of its signs normalising would take away."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_WEB = re.compile(r"https?://\S+", re.IGNORECASE)
_LOCAL_LENGTH = 64
"""RFC 5321, 4.5.3.1.1."""
_PLAIN = r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*"
"""What the library accepts before the @, whatever stands behind it."""
_ORDINARY = r"([A-Za-z0-9]+(-[A-Za-z0-9]+)*\.)+[A-Za-z]{2,}"
"""Domains that the library accepts, unless a word is too long or the last has a special use."""
_PLAIN_DOMAIN = re.compile(r"(?!.*[xX][nN]--)[A-Za-z0-9.-]+")
_LABEL_LENGTH = 63
"""RFC 1035, 2.3.4: of an address that is hardly longer than one word may be, none is too long."""
_PHONE_LENGTHS = range(2, 251)
"""phonenumbers refuses shorter and longer texts (`_MIN_LENGTH_FOR_NSN`, `_MAX_INPUT_STRING_LENGTH`)."""


def format_test(name: FormatName, region: str | None) -> Test:
    """Return the test of a format. `region` is the country of phone numbers that do not name theirs."""
    if name == "email":
        return _email_test()
    if name == "phone":
        accepts = _phone_library()
        return lambda value: (
            isinstance(value, str) and len(value) in _PHONE_LENGTHS and accepts(value, region)
        )
    return _TESTS[name]


@cache
def _email_test() -> Test:
    from email_validator import (  # noqa: PLC0415 - see the module
        SPECIAL_USE_DOMAIN_NAMES,
        EmailNotValidError,
        validate_email,
    )

    looks_ordinary = pattern_test(f"^{_PLAIN}@{_ORDINARY}$", longest=_LABEL_LENGTH)
    has_plain_local = pattern_test(f"^{_PLAIN}@", longest=_EMAIL_LENGTH)
    special = {name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES}

    @lru_cache(REMEMBERED_VALUES)
    def accepts(address: str) -> bool:
        try:
            validate_email(address, check_deliverability=False)
        except EmailNotValidError:
            return False
        return True

    @lru_cache(REMEMBERED_VALUES)
    def takes_domain(domain: str) -> bool | None:
        """Tell what the library says of every plain local part at a domain; None where it must see them all.

        Internationalised domains count differently towards its limit of length.
        """
        return accepts(f"a@{domain}") if _PLAIN_DOMAIN.fullmatch(domain) else None

    def is_email(value: Any) -> bool:
        if looks_ordinary(value) and value[value.rindex(".") + 1 :].lower() not in special:
            return True
        if not isinstance(value, str) or len(value) > _EMAIL_TEXT_LENGTH:
            return False
        local, _, domain = value.partition("@")
        verdict = None
        if len(local) <= _LOCAL_LENGTH and has_plain_local(value):
            verdict = takes_domain(domain)
        return accepts(value) if verdict is None else verdict

    return is_email


@cache
def _phone_library() -> Callable[[str, str | None], bool]:
    import phonenumbers  # noqa: PLC0415 - see the module

    @lru_cache(REMEMBERED_VALUES)
    def accepts(number: str, region: str | None) -> bool:
        try:
            return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
        except phonenumbers.NumberParseException:
            return False

    return accepts


def _is_uuid(value: Any) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and _WEB.fullmatch(value) is not None and _URL.isinstance_python(value)


_URL = SchemaValidator(core_schema.url_schema(allowed_schemes=["http", "https"], max_length=2083))
_TESTS: dict[str, Test] = {"url": _is_url, "date": is_date, "dateTime": is_date_time, "uuid": _is_uuid}
