"""Checks that a rule asks for by name: `"custom": "luhn"`.

A check takes the value and says whether it is good; one more is one more line in `NAMED_CHECKS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from shared.domain.iso_codes import COUNTRIES, CURRENCIES

_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", re.ASCII)
_CARD = re.compile(r"\d{2,40}", re.ASCII)


def is_luhn(value: Any) -> bool:
    """True for digits, maybe in groups, whose last is right by ISO/IEC 7812's formula (cards, IMEI)."""
    if not isinstance(value, str):
        return False
    digits = value.replace(" ", "").replace("-", "")
    if not _CARD.fullmatch(digits):
        return False
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def is_iban(value: Any) -> bool:
    """True for an IBAN, maybe in groups of four, with the right check digits (ISO 13616: mod 97 is 1)."""
    if not isinstance(value, str):
        return False
    plain = value.replace(" ", "")
    if not _IBAN.fullmatch(plain) or plain[:2] not in COUNTRIES | {"XK"}:  # Kosovo: in use, not in ISO 3166
        return False
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def is_country_code(value: Any) -> bool:
    """True for a country's two capital letters (ISO 3166-1 alpha-2)."""
    return isinstance(value, str) and value in COUNTRIES


def is_currency_code(value: Any) -> bool:
    """True for a currency's three capital letters (ISO 4217)."""
    return isinstance(value, str) and value in CURRENCIES


NAMED_CHECKS: dict[str, Callable[[Any], bool]] = {
    "luhn": is_luhn,
    "iban": is_iban,
    "countryCode": is_country_code,
    "currencyCode": is_currency_code,
}
