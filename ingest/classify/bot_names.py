"""Name, kind and purpose of agents already judged bots. Never used for the verdict.

Names come from lists/bot_names.toml, from monperrus `crawler-user-agents`, and else out of the agent itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import polars as pl

from ingest.classify.list_files import read_json, read_toml

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
_COLUMNS: Final = ("bot_name", "bot_category", "bot_purpose")
_ADDRESS: Final = r"\w/\w"
_ESCAPED: Final = re.compile(r"\\([^\w])")
_LIKE: Final = r"(?i)\blike [^;()]*"  # `like FeedFetcher-Google` is another's name
_BROWSER: Final = "(?i)^mozilla/"


@dataclass(frozen=True, slots=True)
class _Names:
    literals: dict[str, tuple[str, str | None]]  # text in the agent → name, category
    regexes: tuple[tuple[str, str, str | None], ...]


@dataclass(frozen=True, slots=True)
class _OwnNames:
    bots: dict[str, tuple[str, str]]  # lower-case text in the agent → name, category
    kinds: tuple[tuple[str, str], ...]  # regex, category
    browsers: tuple[str, ...]  # regexes whose first group is the name, for agents that begin as a browser does
    products: tuple[str, ...]  # the same for the others
    parts: str  # regex of what is no name
    purposes: dict[str, str]  # category → purpose


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


@cache
def _own_names() -> _OwnNames:
    own = read_toml("bot_names.toml")
    return _OwnNames(
        bots={bot["text"]: (bot["name"], bot["category"]) for bot in own["bots"]},
        kinds=tuple((f"(?i){kind['pattern']}", kind["category"]) for kind in own["kinds"]),
        browsers=tuple(f"(?i){shape['pattern']}" for shape in own["shapes"] if shape["of"] == "browser"),
        products=tuple(f"(?i){shape['pattern']}" for shape in own["shapes"] if shape["of"] == "product"),
        parts=f"(?i){own['parts']['pattern']}",
        purposes=own["purposes"],
    )


def _plain(text: str) -> str:
    """A name out of a pattern: of every choice the first, and nothing after a gap or a version."""
    without_edges = re.sub(r"^\^|\(\^\| \)|\(\[\^-\]\|\$\)|\$$", "", text)
    chosen = re.sub(r"\((\w+)\|[^)]*\)|\[(\w)\w\]", lambda choice: choice.group(1) or choice.group(2), without_edges)
    return re.split(r"[|/\[\\]", chosen, maxsplit=1)[0].strip()


def bot_names(decoded: pl.Series) -> pl.DataFrame:
    """`bot_name`, `bot_category` and `bot_purpose` of decoded agents that are bots; null where nothing tells them.

    The purpose is `search`, `agent` (for a person who asked), `training`, `preview`, `monitor`, `scanner`, `library` or
    `other`. Of several names in one agent the longest counts, as the most particular; an address (`yandex.com/bots`)
    only alone.
    """
    agents = pl.DataFrame({"agent": decoded.str.replace_all(_LIKE, "")}).with_row_index("place")
    own = _by_own(agents)
    listed = _by_list(own.filter(pl.col("bot_name").is_null()).select("place", "agent"))
    shaped = _by_shape(listed.filter(pl.col("bot_name").is_null()))
    named = (frame.filter(pl.col("bot_name").is_not_null()) for frame in (own, listed))
    purposes = _own_names().purposes
    return (
        pl.concat([*named, shaped])
        .sort("place")
        .with_columns(bot_purpose=_looked_up(pl.col("bot_category"), purposes))
        .select(_COLUMNS)
    )


def _by_own(agents: pl.DataFrame) -> pl.DataFrame:
    bots = _own_names().bots
    texts = pl.col("agent").str.extract_many(list(bots), ascii_case_insensitive=True, overlapping=True)
    text = pl.element()
    longest = texts.list.eval(text.sort_by(text.str.len_bytes(), descending=True).first()).list.first()
    return _with_entry(agents, longest.str.to_lowercase(), bots)


def _by_list(agents: pl.DataFrame) -> pl.DataFrame:
    names = _names()
    texts = pl.col("agent").str.extract_many(list(names.literals), overlapping=True)
    text = pl.element()
    most_particular = text.sort_by(text.str.contains(_ADDRESS), -text.str.len_bytes().cast(pl.Int32)).first()
    by_text = _with_entry(agents, texts.list.eval(most_particular).list.first(), names.literals)
    left = by_text.filter(pl.col("bot_name").is_null()).select("place", "agent")
    by_regex = _by_regex(left, names.regexes)
    kind, category = _kind(), pl.col("bot_category")
    is_told_apart = (category == "ai") & kind.str.starts_with("ai ")  # the list has one tag for three purposes
    return pl.concat([by_text.filter(pl.col("bot_name").is_not_null()), by_regex]).with_columns(
        bot_category=pl.when(is_told_apart).then(kind).otherwise(pl.coalesce(category, kind))
    )


def _by_regex(agents: pl.DataFrame, regexes: Sequence[tuple[str, str, str | None]]) -> pl.DataFrame:
    """One regex says of which agents they are asked: to compile them all takes longer than to ask a few agents."""
    is_suspect = pl.col("agent").str.contains("|".join(f"(?:{pattern})" for pattern, _, _ in regexes))
    suspects = agents.filter(is_suspect)
    unnamed = agents.with_columns(bot_name=pl.lit(None, dtype=pl.String), bot_category=pl.lit(None, dtype=pl.String))
    if suspects.is_empty():
        return unnamed
    which = _first((pattern, number) for number, (pattern, _, _) in enumerate(regexes))
    entries = {number: (name, category) for number, (_, name, category) in enumerate(regexes)}
    return pl.concat([_with_entry(suspects, which, entries), unnamed.filter(~is_suspect)])


def _by_shape(agents: pl.DataFrame) -> pl.DataFrame:
    own = _own_names()
    agent = pl.col("agent")
    is_browser = agent.str.contains(_BROWSER)
    name = pl.when(is_browser).then(_extracted(own.browsers)).otherwise(_extracted(own.products))
    is_name = ~name.str.contains(own.parts) & (name != "")
    return agents.with_columns(bot_name=pl.when(is_name).then(name), bot_category=_kind())


def _extracted(regexes: Iterable[str]) -> pl.Expr:
    return pl.coalesce(*(pl.col("agent").str.extract(regex, 1) for regex in regexes)).str.strip_chars(" -.!,")


def _kind() -> pl.Expr:
    return pl.coalesce(
        pl.lit(None, dtype=pl.String),
        *(
            pl.when(pl.col("agent").str.contains(regex)).then(pl.lit(category))
            for regex, category in _own_names().kinds
        ),
    )


def _first(numbered: Iterable[tuple[str, int]]) -> pl.Expr:
    return pl.coalesce(
        pl.lit(None, dtype=pl.Int32),
        *(
            pl.when(pl.col("agent").str.contains(pattern)).then(pl.lit(number, dtype=pl.Int32))
            for pattern, number in numbered
        ),
    )


def _with_entry(agents: pl.DataFrame, key: pl.Expr, entries: Mapping[Any, tuple[str, str | None]]) -> pl.DataFrame:
    return agents.with_columns(key=key).select(
        "place",
        "agent",
        *(
            _looked_up(pl.col("key"), {text: entry[part] for text, entry in entries.items()}).alias(column)
            for part, column in enumerate(("bot_name", "bot_category"))
        ),
    )


def _looked_up(key: pl.Expr, entries: Mapping[Any, str | None]) -> pl.Expr:
    return key.replace_strict(entries, default=None, return_dtype=pl.String)
