"""What is wrong with a value, as a sentence: what it must be, and what was got."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from pydantic_core import ErrorDetails

_SHOWN_CHARACTERS: Final = 80
_KINDS: Final = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "datetime_type": "a time such as 2026-10-01T00:00:00Z",
    "datetime_parsing": "a time such as 2026-10-01T00:00:00Z",
    "datetime_from_date_parsing": "a time such as 2026-10-01T00:00:00Z",
    "timezone_aware": "a time with its offset, such as 2026-10-01T00:00:00Z",
    "path_type": "a path",
}
_BOUNDS: Final = {
    "greater_than_equal": "{ge} or more",
    "greater_than": "more than {gt}",
    "less_than_equal": "{le} or less",
    "less_than": "less than {lt}",
    "string_too_short": "at least {min_length} characters long",
    "string_too_long": "at most {max_length} characters long",
    "too_short": "a list of {min_length} or more",
    "too_long": "a list of {max_length} or fewer",
    "string_pattern_mismatch": "of the form {pattern}",
    "literal_error": "one of {expected}",
    "enum": "one of {expected}",
}


def complaint(error: ErrorDetails, *, is_secret: bool = False) -> str:
    """What Pydantic found, to follow the name of the value: `must be a whole number; got 'x'`. A secret is not told."""
    kind = error["type"]
    context = {name: _in_words(name, value) for name, value in error.get("ctx", {}).items()}
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return "is not a known key"
    if kind == "value_error":  # of our own validators, whose sentences are whole
        return error["msg"].removeprefix("Value error, ")
    if kind == "json_invalid":
        return f"must be JSON: {context.get('error', '')}".removesuffix(": ")
    must_be = _KINDS.get(kind) or (_BOUNDS[kind].format_map(context) if kind in _BOUNDS else None)
    wrong = error["msg"] if must_be is None else f"must be {must_be}"
    return wrong if is_secret else f"{wrong}; got {shown(error['input'])}"


def _in_words(name: str, value: Any) -> Any:
    if name == "expected":  # "'duckdb' or 'other'"
        return value.replace("'", "")
    return f"{value:g}" if isinstance(value, float) else value


def shown(value: Any) -> str:
    """A value as its sender knows it, from JSON or a text: `'x'`, `null`, `5`; cut where it is long."""
    try:
        whole = _text(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists without end
        return "a value that cannot be shown"
    return whole if len(whole) <= _SHOWN_CHARACTERS else f"{whole[:_SHOWN_CHARACTERS]}…"


def _text(value: Any) -> str:
    match value:
        case str():
            return repr(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return str(value)
        case _:
            return json.dumps(value, default=str)
