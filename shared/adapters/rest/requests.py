"""One request of an entity in a provider's document: what goes out, as templates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from shared.adapters.rest.notation import Name, RequestHeaderName, UrlPath
from shared.adapters.rest.templates import WHOLE_RECORD, texts_in
from shared.domain.model import WireModel
from shared.domain.validation import blame


def _json_template(value: Any) -> Any:
    if isinstance(value, dict | list) or value == WHOLE_RECORD:
        return value
    raise ValueError(f'must be a mapping, a list, or "{WHOLE_RECORD}" for the record itself')


def _form_template(value: Any) -> Any:
    if value == WHOLE_RECORD:
        return value
    if isinstance(value, dict) and all(
        isinstance(text, str) and text != WHOLE_RECORD for text in value.values()
    ):
        return value
    raise ValueError(f'must map names to texts in quotes, or be "{WHOLE_RECORD}" for the record\'s fields')


class Request(WireModel):
    """One request. Texts are templates; paths, queries and forms get their values percent-encoded.

    Attributes:
        json_body: `json` in the document: the body.
        form: The body as application/x-www-form-urlencoded.
    """

    names: ClassVar[frozenset[str]] = frozenset()
    """The placeholders that it may have besides settings, wherever they stand."""
    names_in_body: ClassVar[frozenset[str]] = frozenset()
    """Those that only its body may have."""
    needed: ClassVar[str | None] = None
    """The placeholder without which it would be about nothing."""
    default_json: ClassVar[Any] = {}
    """The body where the document has none, of the methods that need one."""

    method: str
    path: UrlPath
    query: dict[Name, str] = Field(default_factory=dict)
    headers: dict[RequestHeaderName, str] = Field(default_factory=dict)
    json_body: Annotated[Any, AfterValidator(_json_template)] = Field(default=None, alias="json")
    form: Annotated[Any, AfterValidator(_form_template)] = None

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if conflict := next(self.conflicts(), None):
            raise blame(*conflict)
        return self

    def templates(self) -> Iterator[tuple[str, str, frozenset[str]]]:
        """Yield every template with its path in the request, and the placeholders that it may have."""
        everywhere = {"path": self.path, "query": self.query, "headers": self.headers}
        in_body = {"json": self.json_body, "form": self.form}
        for parts, names in ((everywhere, self.names), (in_body, self.names | self.names_in_body)):
            for part, texts in parts.items():
                yield from ((place, text, names) for place, text in texts_in(texts, part))

    def uses(self, name: str) -> bool:
        """True where a template has the placeholder."""
        return any(f"{{{name}}}" in template for _, template, _ in self.templates())

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield what does not fit together: the key to blame, and what is wrong with it."""
        if self.method == "GET" and (self.json_body is not None or self.form is not None):
            body = "form" if self.json_body is None else "json"
            yield body, "is a body, which a GET does not have; add `method: POST`, or remove it"
        if self.json_body is not None and self.form is not None:
            yield "form", "can't stand beside `json`; keep one of them"
        if self.needed and not self.uses(self.needed):
            yield "", f"has {{{self.needed}}} nowhere; put it into `path`, `query` or the body"

    def has_in_body(self, name: str) -> bool:
        """True where the template of the body has something at a parameter's name already."""
        if self.form is not None:
            return name in self.form
        return isinstance(self.json_body, dict) and _is_taken(name, self.json_body)


def _is_taken(path: str, body: Mapping[str, Any]) -> bool:
    name, _, rest = path.partition(".")
    if name not in body:
        return False
    inner = body[name]
    return not rest or not isinstance(inner, dict) or _is_taken(rest, inner)
