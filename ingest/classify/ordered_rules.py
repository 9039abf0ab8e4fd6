"""Ordered rules of a list: the first that matches decides. Each is asked only of the texts that those before it left.

Rows of words that follow each other are one pass of Aho-Corasick; a regex is dearer, most of all to compile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import polars as pl

_WORDS_OF_A_PASS: Final = 100  # up to so many Aho-Corasick is a DFA, beyond them an NFA of half its speed
_INSIDE_A_WORD: Final = pl.Series([bytes([code]) for code in range(0x80) if chr(code).isalnum() or chr(code) == "_"])


@dataclass(frozen=True, slots=True)
class PatternRule:
    """A regex, and what its match answers."""

    answer: str
    regex: str


@dataclass(frozen=True, slots=True)
class WordRules:
    """Rules of words that follow each other: a word stands where one begins in the text, the first rule answers."""

    answers: tuple[str, ...]
    places: dict[str, int]  # word in small letters → its first rule, by place in `answers`


Rule = PatternRule | WordRules


def compile_rules(rows: Iterable[dict[str, Any]], answer: str) -> tuple[Rule, ...]:
    """The rows of a list, made ready: `answer` is the key of what a row answers.

    A row has `words`, texts that begin where a word begins, or `patterns`, regexes. ASCII's case is ignored in both.
    """
    rules: list[Rule] = []
    for has_words, run in groupby(rows, key=lambda row: "words" in row):
        if has_words:
            rules.extend(_word_rules(part, answer) for part in _parts(run))
        else:
            rules.extend(PatternRule(row[answer], _union(row["patterns"])) for row in run)
    return tuple(rules)


def _parts(run: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The rows of a run, in parts that hold no more words than the quickest automaton takes."""
    part: list[dict[str, Any]] = []
    count = 0
    for row in run:
        count += len(row["words"])
        if count > _WORDS_OF_A_PASS and part:
            yield part
            part, count = [], len(row["words"])
        part.append(row)
    yield part


def _word_rules(rows: Sequence[dict[str, Any]], answer: str) -> WordRules:
    places: dict[str, int] = {}
    for place, row in enumerate(rows):
        for word in row["words"]:
            places.setdefault(word, place)
    return WordRules(tuple(row[answer] for row in rows), places)


def _union(patterns: Iterable[str]) -> str:
    """One regex. Word ends are ASCII's: with those of Unicode, Rust's regex is slow on a text beyond ASCII."""
    return f"(?i:{'|'.join(f'(?:{pattern})' for pattern in patterns)})".replace(r"\b", r"(?-u:\b)")


class Undecided:
    """Texts (String, no nulls) that rules decide one after the other."""

    def __init__(self, texts: pl.Series) -> None:
        self._left = pl.DataFrame({"text": texts}).with_row_index("place")
        self._decided: list[pl.DataFrame] = []  # place, answer

    def ask(self, rules: Sequence[Rule]) -> None:
        for rule in rules:
            if self._left.is_empty():
                return
            if isinstance(rule, PatternRule):
                is_match = self._left["text"].str.contains(rule.regex)
                self._decide(self._left.filter(is_match).select("place", answer=pl.lit(rule.answer)), is_match)
            else:
                self._ask_words(rule)

    def _ask_words(self, rules: WordRules) -> None:
        words = list(rules.places)
        text = pl.col("text")
        is_suspect = self._left["text"].str.contains_any(words, ascii_case_insensitive=True)
        suspects = self._left.filter(is_suspect)
        hits = suspects.select(
            "place",
            text.cast(pl.Binary),
            word=text.str.extract_many(words, ascii_case_insensitive=True, overlapping=True),
            at=text.str.find_many(words, ascii_case_insensitive=True, overlapping=True),
        ).explode("word", "at")
        word, at = pl.col("word"), pl.col("at")
        begins = (at == 0) | ~text.bin.slice(at.cast(pl.Int64) - 1, 1).is_in(_INSIDE_A_WORD.implode())
        is_name = word.str.contains("^[A-Za-z0-9_]")
        first = (
            hits.filter(begins | ~is_name)
            .select("place", rule=word.str.to_lowercase().replace_strict(rules.places, return_dtype=pl.Int32))
            .group_by("place")
            .agg(pl.col("rule").min())
        )
        answers = first.select("place", answer=pl.Series(rules.answers).gather(first["rule"]))
        self._decide(answers, self._left["place"].is_in(answers["place"].implode()))

    def ask_of(self, read: Callable[[pl.Series], pl.Series], answer: Callable[[str], str | None]) -> None:
        """Answers from what `read` finds in each text (null: nothing), one question for each distinct find."""
        found = read(self._left["text"])
        distinct = found.drop_nulls().unique()
        told = pl.Series([answer(one) for one in distinct.to_list()], dtype=pl.String)
        answers = found.replace_strict(distinct, told, default=None, return_dtype=pl.String)
        told_all = self._left.select("place", answer=answers)
        is_told = answers.is_not_null()
        self._decide(told_all.filter(is_told), is_told)

    def _decide(self, answers: pl.DataFrame, is_decided: pl.Series) -> None:
        if answers.height:
            self._decided.append(answers)
            self._left = self._left.filter(~is_decided)

    def answers(self, otherwise: str) -> pl.Series:
        """The answer to each text, in order; `otherwise` where no rule has matched."""
        left = self._left.select("place", answer=pl.lit(otherwise))
        return pl.concat([*self._decided, left]).sort("place")["answer"]
