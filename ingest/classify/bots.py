"""Is this user agent a bot: the patterns of npm `isbot`, answered by one pass of Aho-Corasick and one regex."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

LISTS: Final = Path(__file__).parent / "lists"
EMPTY_RULE: Final = "empty-user-agent"

# Rust's regex has no lookaround. What a lookaround spares is taken out of the text first, and only for its own pattern.
_SPARED: Final = {
    r"(?<! channel/|google/)google(?!(?:wv|app|/google| pixel))": (
        "google",
        r"google",
        r"(?i) channel/google|google/google|google(?:wv|app| pixel)",
    ),
    r"(?:^|[^g])news(?!sapphire)": ("news", r"(?:^|[^g])news", r"(?i)newssapphire"),
    r"(?<! cu)bots?(?:\b|_)": ("bot", r"bots?(?:\b|_)", r"(?i) cubots?"),
    r"(?<!cam)scan": ("scan", r"scan", r"(?i)camscan"),
    r"(?<!lib)http": ("http", r"http", r"(?i)libhttp"),
    r"java(?!;)": ("java", r"java", r"(?i)java;"),
}
_LITERAL: Final = re.compile(r"[a-z0-9 /\-_;@!,]+|(?:[a-z0-9 /\-_;@!,]|\\[./])+")


@dataclass(frozen=True, slots=True)
class BotList:
    """The list compiled: literals (lower case → pattern), regexes, spared patterns (name, regex, what to cut)."""

    literals: dict[str, str]
    regexes: tuple[str, ...]
    spared: tuple[tuple[str, str, str], ...]

    @property
    def union(self) -> str:
        return "(?i)" + "|".join(f"(?:{_rust(pattern)})" for pattern in self.regexes)


@cache
def bot_list() -> BotList:
    patterns: list[str] = json.loads((LISTS / "isbot.json").read_text())
    literals = {_unescaped(pattern): pattern for pattern in patterns if _LITERAL.fullmatch(pattern)}
    spared = tuple(_SPARED[pattern] for pattern in patterns if pattern in _SPARED)
    rest = tuple(pattern for pattern in patterns if pattern not in _SPARED and not _LITERAL.fullmatch(pattern))
    return BotList(literals, rest, spared)


def bot_rules(decoded: pl.Series) -> pl.Series:
    """The rule that makes each decoded agent a bot (`isbot:<pattern>`, `empty-user-agent`); null for a person."""
    bots = bot_list()
    agent = pl.col("agent")
    frame = pl.DataFrame({"agent": decoded}).with_row_index("place")
    is_spared_match = [
        agent.str.replace_all(cut, " ").str.contains("(?i)" + pattern) for _, pattern, cut in bots.spared
    ]
    is_empty = agent.str.strip_chars().is_in(["", "-"])
    found = frame.filter(
        is_empty
        | agent.str.contains_any(list(bots.literals), ascii_case_insensitive=True)
        | agent.str.contains(bots.union)
        | pl.any_horizontal(is_spared_match)
    )
    first_literal = agent.str.extract_many(list(bots.literals), ascii_case_insensitive=True).list.first()
    named = found.select(
        "place",
        rule=pl.coalesce(
            pl.when(is_empty).then(pl.lit(EMPTY_RULE)),
            *(
                pl.when(match).then(pl.lit(f"isbot:{name}"))
                for match, (name, _, _) in zip(is_spared_match, bots.spared, strict=True)
            ),
            pl.lit("isbot:") + first_literal.str.to_lowercase().replace(bots.literals),
            *(
                pl.when(agent.str.contains("(?i)" + _rust(pattern))).then(pl.lit(f"isbot:{pattern}"))
                for pattern in bots.regexes
            ),
        ),
    )
    return frame.select("place").join(named, on="place", how="left", maintain_order="left")["rule"].alias("bot_rule")


def _unescaped(pattern: str) -> str:
    return re.sub(r"\\(.)", r"\1", pattern)


def _rust(pattern: str) -> str:
    """JavaScript's classes allow a bare hyphen after a class and an unescaped bracket; Rust's do not."""
    return pattern.replace(r"[\w\d-.]", r"[\w\d\-.]")
