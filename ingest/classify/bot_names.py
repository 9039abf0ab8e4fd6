"""Name and category of agents already judged bots, from monperrus `crawler-user-agents`. Never used for the verdict."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import polars as pl

from ingest.classify.bots import LISTS

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
_ESCAPED: Final = re.compile(r"\\([^\w])")


@dataclass(frozen=True, slots=True)
class _Names:
    literals: dict[str, tuple[str, str | None]]  # text in the agent → name, category
    regexes: tuple[tuple[str, str, str | None], ...]


@cache
def _names() -> _Names:
    literals: dict[str, tuple[str, str | None]] = {}
    regexes: list[tuple[str, str, str | None]] = []
    entries: list[dict[str, Any]] = json.loads((LISTS / "crawler-user-agents.json").read_text())
    for entry in entries:
        pattern: str = entry["pattern"]
        tags: list[str] = entry["tags"]
        category = next((word for tag, word in _CATEGORIES.items() if tag in tags), None)
        text = _ESCAPED.sub(r"\1", pattern)
        name = re.sub(r"[\[(](\w)\w?[\])]", r"\1", text).strip("^$/ ")
        if re.search(r"[\\\[\](){}?*+^$|]", _ESCAPED.sub("", pattern)):
            regexes.append((pattern, name, category))
        else:
            literals[text] = (name, category)
    return _Names(literals, tuple(regexes))


def bot_names(decoded: pl.Series) -> pl.DataFrame:
    """`bot_name` and `bot_category` of decoded agents that are bots; null where the list does not know one.

    Of several names in one agent the longest counts: it is the most particular.
    """
    names = _names()
    texts = list(names.literals)
    agent = pl.col("agent")
    frame = pl.DataFrame({"agent": decoded}).select(
        "agent",
        text=agent.str.extract_many(texts, overlapping=True)
        .list.eval(pl.element().sort_by(pl.element().str.len_bytes(), descending=True))
        .list.first(),
        regex=pl.coalesce(
            pl.when(agent.str.contains(pattern)).then(pl.lit(place, dtype=pl.Int32))
            for place, (pattern, _, _) in enumerate(names.regexes)
        ),
    )
    by_text = [
        pl.col("text").replace_strict(
            {text: pair[part] for text, pair in names.literals.items()}, default=None, return_dtype=pl.String
        )
        for part in (0, 1)
    ]
    by_regex = [
        pl.col("regex").replace_strict(
            {place: entry[part] for place, entry in enumerate(names.regexes)}, default=None, return_dtype=pl.String
        )
        for part in (1, 2)
    ]
    return frame.select(
        bot_name=pl.coalesce(by_text[0], by_regex[0]),
        bot_category=pl.coalesce(by_text[1], by_regex[1]),
    )
