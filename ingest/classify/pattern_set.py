"""The patterns of many rules, asked in one pass over a text.

RE2 walks a text once, however many patterns there are, in time that grows with its length alone, and compiles them once
a process. (Polars keeps 32 compiled regexes a thread: with more of them, every call compiles all.)
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import re2

# What the DFA of one set may take; the states that do not fit are made anew.
_MOST_MEMORY: Final = 64 * 2**20
# Case is ASCII's, as in JavaScript: to RE2 these are the letters k and s.
_OTHER_CASES: Final = str.maketrans({"\N{KELVIN SIGN}": "\ufffd", "\N{LATIN SMALL LETTER LONG S}": "\ufffd"})

Patterns = tuple[str, ...]  # of one rule: one of them has to match


class PatternSet:
    """Ordered lists of rules, each list by its name. Raises `re2.error` for a pattern that RE2 refuses."""

    def __init__(self, lists: Mapping[str, Sequence[Patterns]]) -> None:
        options = re2.Options()
        options.max_mem = _MOST_MEMORY
        compiled = re2.Set.SearchSet(options)
        self._match = compiled.Match
        self.places: Final[list[int]] = []  # of the rule in its list, by the number of the pattern
        self.spans: Final[dict[str, tuple[int, int]]] = {}  # the numbers of a list's patterns, by its name
        for name, rules in lists.items():
            begin = len(self.places)
            for place, patterns in enumerate(rules):
                for pattern in patterns:
                    compiled.Add(pattern)
                    self.places.append(place)
            self.spans[name] = (begin, len(self.places))
        compiled.Compile()

    def find(self, text: str) -> Found:
        if not text.isascii():
            text = text.translate(_OTHER_CASES)
        return Found(text, sorted(self._match(text) or ()), self)


class Found:
    """Which patterns of a set match a text."""

    __slots__ = ("_numbers", "_patterns", "text")

    def __init__(self, text: str, numbers: Sequence[int], patterns: PatternSet) -> None:
        self.text = text
        self._numbers = numbers  # ascending
        self._patterns = patterns

    def again(self, text: str) -> Found:
        """What the same patterns find in another text."""
        return self if text == self.text else self._patterns.find(text)

    def first(self, name: str) -> int | None:
        """The place of the first rule of a list that matches."""
        begin, end = self._patterns.spans[name]
        numbers = self._numbers
        at = bisect_left(numbers, begin)
        return self._patterns.places[numbers[at]] if at < len(numbers) and numbers[at] < end else None

    def every(self, name: str) -> list[int]:
        """The places of all rules of a list that match, in their order; twice where two patterns of a rule do."""
        begin, end = self._patterns.spans[name]
        numbers = self._numbers
        places = self._patterns.places
        return [places[number] for number in numbers[bisect_left(numbers, begin) : bisect_left(numbers, end)]]


def patterns_of(rows: Iterable[Mapping[str, Any]]) -> list[Patterns]:
    """The patterns of a list's rows. ASCII's case is ignored.

    A row has `words`, texts that begin where a word begins, or `patterns`, regexes.
    """
    return [
        tuple(_word(word) for word in row["words"]) if "words" in row else tuple(map(ignoring_case, row["patterns"]))
        for row in rows
    ]


def ignoring_case(pattern: str) -> str:
    return f"(?i:{pattern})"


def _word(word: str) -> str:
    begins_inside = re.match(r"\w", word, re.ASCII)
    return ignoring_case(rf"\b{re.escape(word)}" if begins_inside else re.escape(word))
