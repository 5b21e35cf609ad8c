"""The rules of versions, whatever order things happen in."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.backends.embedded.secret_book import SecretBook
from shared.domain.errors import InvalidStateError
from shared.ports.secrets import SecretVersion
from tests.fakes.clock import START

NAMES = ["key", "KEY", "other"]
ACTIONS = st.lists(
    st.tuples(st.sampled_from(["add", "delete", "recover", "disable"]), st.sampled_from(NAMES), st.text())
)


def play(
    actions: list[tuple[str, str, str]],
) -> tuple[SecretBook, dict[str, list[tuple[str, bool]]], set[str]]:
    """Do the actions to a book and to a plain model of one; return both, and what is deleted."""
    book = SecretBook()
    model: dict[str, list[tuple[str, bool]]] = {}
    deleted: set[str] = set()
    for number, (action, name, value) in enumerate(actions):
        key = name.lower()
        if action == "add":
            if key in deleted:
                assert _refuses(book, _version(name, number), value)
                continue
            book, _ = book.add(_version(name, number), value)
            model.setdefault(key, []).append((value, True))
        elif action == "disable":
            if key in model and key not in deleted:
                newest = book.versions(name)[0].properties.version
                book, _ = book.set_enabled(name, newest, enabled=False)
                model[key][-1] = (model[key][-1][0], False)
        else:
            book = book.set_deleted(name, deleted=action == "delete")
            if action == "recover":
                deleted.discard(key)
            elif key in model:
                deleted.add(key)
    return book, model, deleted


@given(ACTIONS)
def test_a_book_behaves_like_its_model(actions: list[tuple[str, str, str]]) -> None:
    """After any actions the book has the versions, in order, of those secrets that are not deleted."""
    book, model, deleted = play(actions)

    for name in NAMES:
        key = name.lower()
        expected = [] if key in deleted else model.get(key, [])[::-1]
        assert [(secret.value, secret.properties.enabled) for secret in book.versions(name)] == expected
    assert [name.lower() for name in book.names("")] == sorted(set(model) - deleted)


@given(ACTIONS)
def test_a_book_survives_writing_and_reading(actions: list[tuple[str, str, str]]) -> None:
    """What is read back equals what was written."""
    book, _, _ = play(actions)

    assert SecretBook.from_json(book.to_json()) == book


def _version(name: str, number: int) -> SecretVersion:
    created_at = START + timedelta(microseconds=number)
    return SecretVersion(name, f"{number:032x}", enabled=True, created_at=created_at, tags={"n": str(number)})


def _refuses(book: SecretBook, version: SecretVersion, value: str) -> bool:
    try:
        book.add(version, value)
    except InvalidStateError:
        return True
    return False
