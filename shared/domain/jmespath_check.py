"""JMESPath expressions, checked as far as the library checks them only in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult


def compile_jmespath(expression: str) -> ParsedResult:
    """Return the compiled expression.

    Raises:
        ValueError: It is malformed, or calls a function that is not there or with too few or many values.
    """
    # 25 ms that a process without such a mapping need not spend
    import jmespath  # noqa: PLC0415
    from jmespath.functions import Functions  # noqa: PLC0415

    try:
        compiled = jmespath.compile(expression)
        calls = list(_calls(compiled.parsed))
    except RecursionError:
        raise ValueError("the expression is nested too deeply; write it flatter") from None
    except jmespath.exceptions.JMESPathError as error:
        raise ValueError(f"not a JMESPath expression: {error}") from None
    for name, count in calls:
        _check_call(name, count, Functions.FUNCTION_TABLE)
    return compiled


def _calls(node: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    if node["type"] == "function_expression":
        yield node["value"], len(node["children"])
    for child in node["children"]:
        if isinstance(child, Mapping):  # those of a slice are its numbers
            yield from _calls(child)


def _check_call(name: str, count: int, functions: Mapping[str, Any]) -> None:
    if name not in functions:
        raise ValueError(f"JMESPath has no function {name}; it has {', '.join(sorted(functions))}")
    signature = functions[name]["signature"]
    variadic = bool(signature) and bool(signature[-1].get("variadic"))
    if count < len(signature) or (count > len(signature) and not variadic):
        raise ValueError(f"the JMESPath function {name} takes {len(signature)} values, not {count}")
