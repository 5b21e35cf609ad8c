"""What of a provider's answer may stand in an error message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.redaction import EXCERPT_LENGTH, excerpt


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<html>\n  <h1>502 Bad Gateway</h1>\n</html>", "<html> <h1>502 Bad Gateway</h1> </html>"),
        (b'{"access_token": "abc", "expires": 1}', '{"access_token": "***", "expires": 1}'),
        (b"api-key=abc&page=2", "api-key=***&page=2"),
        (b"Authorization: Bearer abc.def", "Authorization: *** ***"),
        (b"write to ada@example.com", "write to ***"),
        (b"id eyJhbGciOiJIUzI1NiIsInR5cCI6", "id ***"),
        (b"\xff\xfe broken", "\ufffd\ufffd broken"),
        (b"", ""),
    ],
)
def test_excerpt_tells_the_text_and_hides_secrets(body: bytes, expected: str) -> None:
    """One line of what was sent, without credentials, addresses of people or random-looking words."""
    assert excerpt(body) == expected


@given(st.integers(0, 400), st.integers(0, 400))
def test_secret_is_hidden_wherever_the_excerpt_ends(before: int, after: int) -> None:
    """Redaction comes before cutting: no half of a secret is left at the edge."""
    text = excerpt(b"x " * before + b"Bearer s3cr3t-s3cr3t" + b" y" * after)
    assert "s3c" not in text
    assert len(text) <= EXCERPT_LENGTH


def test_secrets_of_the_request_are_hidden_wherever_they_stand() -> None:
    """An answer that repeats a credential shows it to nobody, not even a part of it."""
    assert excerpt(b"no key abc-def or abc", {"abc", "abc-def"}) == "no key *** or ***"
