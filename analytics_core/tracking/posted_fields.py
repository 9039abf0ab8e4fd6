"""The fields of a posted JSON object: numbers with every digit, and refusals that name the field."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NoReturn

from analytics_core.errors import ClickledgerError
from analytics_core.validation import shown

_UNFIT: Final = ("Cc", "Cs")  # control characters, and halves of characters that no database holds


@dataclass(frozen=True, slots=True)
class Fields:
    """What was posted. Every method raises `refusal` with a sentence that says what would be right."""

    values: Mapping[str, Any]
    refusal: type[ClickledgerError]

    def got(self, name: str) -> str:
        """What was posted in a field, for a refusal."""
        return f"got {shown(self.values[name])}" if name in self.values else "it is missing"

    def text(self, name: str, longest: int, *, may_be_empty: bool = False) -> str:
        value = self.values.get(name)
        if not isinstance(value, str) or len(value) > longest or not (may_be_empty or value.strip()):
            least = 0 if may_be_empty else 1
            raise self.refusal(f"{name} must be a string of {least} to {longest} characters; {self.got(name)}.")
        if not value.isprintable() and any(unicodedata.category(character) in _UNFIT for character in value):
            raise self.refusal(f"{name} must not hold control characters; {self.got(name)}.")
        return value

    def optional_text(self, name: str, longest: int) -> str | None:
        """None where the field is left out or null."""
        return None if self.values.get(name) is None else self.text(name, longest)

    def number(self, name: str, least: int, most: int) -> Decimal:
        value = self.values.get(name)
        if isinstance(value, int | Decimal) and not isinstance(value, bool) and least <= value <= most:
            return Decimal(value)
        raise self.refusal(f"{name} must be a JSON number from {least:,} to {most:,}; {self.got(name)}.")


def parse_fields(body: bytes, refusal: type[ClickledgerError]) -> Fields:
    """Reads a JSON object. Numbers are Decimal or int: a float would lose digits of money."""
    try:
        values = json.loads(body.decode(), parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, ArithmeticError, RecursionError):
        raise refusal("The body must be a JSON object in UTF-8.") from None
    if not isinstance(values, dict):
        raise refusal(f"The body must be a JSON object; got {shown(values)}.")
    return Fields(values, refusal)


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)
