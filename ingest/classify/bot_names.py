"""Name and category of agents already judged bots, from monperrus `crawler-user-agents`. Never used for the verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import polars as pl

from ingest.classify.list_files import read_json

# The list's tags in order of how much they say, with the word that the screens use.
_CATEGORIES: Final = {
    "social-preview": "previewer",
    "ai-crawler": "ai",
    "search-engine": "search engine",
    "monitoring": "monitor",
    "feed-reader": "feed",
    "http-library": "http library",
    "seo": "seo",
    "advertising": "advertising",
    "scanner": "scanner",
    "archiver": "archiver",
    "browser-automation": "browser automation",
    "academic": "academic",
}
_COLUMNS: Final = ("bot_name", "bot_category")
_ADDRESS: Final = r"\w/\w"
_ESCAPED: Final = re.compile(r"\\([^\w])")


@dataclass(frozen=True, slots=True)
class _Names:
    literals: dict[str, tuple[str, str | None]]  # text in the agent → name, category
    regexes: tuple[tuple[str, str, str | None], ...]


@cache
def _names() -> _Names:
    literals: dict[str, tuple[str, str | None]] = {}
    regexes: list[tuple[str, str, str | None]] = []
    entries: list[dict[str, Any]] = read_json("crawler-user-agents.json")
    for entry in entries:
        pattern: str = entry["pattern"]
        tags: list[str] = entry["tags"]
        category = next((word for tag, word in _CATEGORIES.items() if tag in tags), None)
        text = _ESCAPED.sub(r"\1", pattern)
        if re.search(r"[\\\[\](){}?*+^$|]", _ESCAPED.sub("", pattern)):
            regexes.append((pattern, _plain(text), category))
        else:
            literals[text] = (text.strip("/ "), category)
    return _Names(literals, tuple(regexes))


def _plain(text: str) -> str:
    """A name out of a pattern: of every choice the first, and nothing after a gap or a version."""
    without_edges = re.sub(r"^\^|\(\^\| \)|\(\[\^-\]\|\$\)|\$$", "", text)
    chosen = re.sub(r"\((\w+)\|[^)]*\)|\[(\w)\w\]", lambda choice: choice.group(1) or choice.group(2), without_edges)
    return re.split(r"[|/\[\\]", chosen, maxsplit=1)[0].strip()


def bot_names(decoded: pl.Series) -> pl.DataFrame:
    """`bot_name` and `bot_category` of decoded agents that are bots; null where the list does not know one.

    Of several names in one agent the longest counts, as the most particular; an address (`yandex.com/bots`) only alone.
    """
    names = _names()
    agent = pl.col("agent")
    texts = agent.str.extract_many(list(names.literals), overlapping=True)
    text = pl.element()
    most_particular = text.sort_by(text.str.contains(_ADDRESS), -text.str.len_bytes().cast(pl.Int32)).first()
    best = texts.list.eval(most_particular).list.first()
    frame = pl.DataFrame({"agent": decoded}).with_row_index("place").with_columns(best=best)
    by_text = frame.with_columns(
        _looked_up(pl.col("best"), {text: entry[part] for text, entry in names.literals.items()}).alias(column)
        for part, column in enumerate(_COLUMNS)
    )
    found = pl.col("bot_name").is_not_null()
    which = pl.coalesce(
        pl.lit(None, dtype=pl.Int32),
        *(
            pl.when(agent.str.contains(pattern)).then(pl.lit(number, dtype=pl.Int32))
            for number, (pattern, _, _) in enumerate(names.regexes)
        ),
    )
    by_regex = by_text.filter(~found).with_columns(
        _looked_up(which, {number: entry[part] for number, (_, *entry) in enumerate(names.regexes)}).alias(column)
        for part, column in enumerate(_COLUMNS)
    )
    return pl.concat([by_text.filter(found), by_regex]).sort("place").select(_COLUMNS)


def _looked_up(key: pl.Expr, entries: Mapping[str, str | None] | Mapping[int, str | None]) -> pl.Expr:
    return key.replace_strict(entries, default=None, return_dtype=pl.String)
