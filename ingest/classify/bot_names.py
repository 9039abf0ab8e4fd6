"""Name, kind and purpose of agents already judged bots. Never used for the verdict.

Names come from lists/bot_names.toml, from monperrus `crawler-user-agents`, and else out of the agent itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

import re2

from ingest.classify.list_files import read_json, read_toml
from ingest.classify.pattern_set import Found, PatternSet, ignoring_case

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
_ADDRESS: Final = re.compile(r"\w/\w", re.ASCII)
_ESCAPED: Final = re.compile(r"\\([^\w])")
_LIKE: Final = re.compile(r"\blike [^;()]*", re.ASCII | re.IGNORECASE)  # `like FeedFetcher-Google` is another's name
_BROWSER: Final = "mozilla/"
_OWN: Final = "names: own"
_TEXTS: Final = "names: texts"
_REGEXES: Final = "names: regexes"
_KINDS: Final = "names: kinds"


class BotName(NamedTuple):
    """What a bot is called, of what kind it is and what for it comes: `search`, `agent` (for a person who asked),
    `training`, `preview`, `monitor`, `scanner`, `library` or `other`. None where nothing tells it."""

    name: str | None
    category: str | None
    purpose: str | None


@dataclass(frozen=True, slots=True)
class _Listed:
    """A bot of a list: found by `text`, or by a regex where that is empty."""

    text: str
    name: str
    category: str | None


@dataclass(frozen=True)
class _Names:
    own: tuple[_Listed, ...]
    texts: tuple[_Listed, ...]  # of crawler-user-agents, and its regexes
    regexes: tuple[_Listed, ...]
    kinds: tuple[str, ...]
    browsers: tuple[Any, ...]  # compiled by RE2: their first group is the name, for agents that begin as a browser does
    products: tuple[Any, ...]  # the same for the others
    parts: Any  # compiled by RE2: what is no name
    purposes: dict[str, str]  # category → purpose
    patterns: PatternSet


@cache
def _names() -> _Names:
    own = read_toml("bot_names.toml")
    texts, regexes = _of_crawler_list()
    shapes = {
        of: tuple(re2.compile(ignoring_case(shape["pattern"])) for shape in own["shapes"] if shape["of"] == of)
        for of in ("browser", "product")
    }
    own_bots = tuple(_Listed(bot["text"], bot["name"], bot["category"]) for bot in own["bots"])
    return _Names(
        own=own_bots,
        texts=tuple(texts),
        regexes=tuple(regexes.values()),
        kinds=tuple(kind["category"] for kind in own["kinds"]),
        browsers=shapes["browser"],
        products=shapes["product"],
        parts=re2.compile(ignoring_case(own["parts"]["pattern"])),
        purposes=own["purposes"],
        patterns=PatternSet(
            {
                _OWN: [(ignoring_case(re.escape(bot.text)),) for bot in own_bots],
                _TEXTS: [(re.escape(bot.text),) for bot in texts],
                _REGEXES: [(pattern,) for pattern in regexes],
                _KINDS: [(ignoring_case(kind["pattern"]),) for kind in own["kinds"]],
            }
        ),
    )


def _of_crawler_list() -> tuple[list[_Listed], dict[str, _Listed]]:
    """Bots of crawler-user-agents: those found by a text, and those found by a regex, by it."""
    texts: list[_Listed] = []
    regexes: dict[str, _Listed] = {}
    entries: list[dict[str, Any]] = read_json("crawler-user-agents.json")
    for entry in entries:
        pattern: str = entry["pattern"]
        tags: list[str] = entry["tags"]
        category = next((word for tag, word in _CATEGORIES.items() if tag in tags), None)
        text = _ESCAPED.sub(r"\1", pattern)
        if re.search(r"[\\[\](){}?*+^$|]", _ESCAPED.sub("", pattern)):
            regexes[pattern] = _Listed("", _plain(text), category)
        else:
            texts.append(_Listed(text, text.strip("/ "), category))
    return texts, regexes


def _plain(text: str) -> str:
    """A name out of a pattern: of every choice the first, and nothing after a gap or a version."""
    without_edges = re.sub(r"^\^|\(\^\| \)|\(\[\^-\]\|\$\)|\$$", "", text)
    chosen = re.sub(r"\((\w+)\|[^)]*\)|\[(\w)\w\]", lambda choice: choice.group(1) or choice.group(2), without_edges)
    return re.split(r"[|/\[\\]", chosen, maxsplit=1)[0].strip()


def bot_name(decoded: str) -> BotName:
    """What a decoded agent that is a bot is called.

    Of several names in one agent the longest counts, as the most particular; an address (`yandex.com/bots`) only alone.
    """
    names = _names()
    is_like_another = "like " in decoded.lower()
    found = names.patterns.find(_LIKE.sub("", decoded) if is_like_another else decoded)
    kind = found.first(_KINDS)
    category = None if kind is None else names.kinds[kind]
    own = [names.own[place] for place in found.every(_OWN)]
    if own:
        bot = max(own, key=lambda bot: len(bot.text))
        name, category = bot.name, bot.category
    elif (listed := _listed(found, names)) is not None:
        name = listed.name
        is_told_apart = listed.category == "ai" and (category or "").startswith("ai ")  # one tag for three purposes
        category = category if is_told_apart else listed.category or category
    else:
        name = _name_of_shape(found.text, names)
    return BotName(name, category, None if category is None else names.purposes[category])


def _listed(found: Found, names: _Names) -> _Listed | None:
    texts = [names.texts[place] for place in found.every(_TEXTS)]
    if texts:
        return min(texts, key=lambda bot: (_ADDRESS.search(bot.text) is not None, -len(bot.text)))
    place = found.first(_REGEXES)
    return None if place is None else names.regexes[place]


def _name_of_shape(agent: str, names: _Names) -> str | None:
    """The name that the agent itself says, by the first shape that matches."""
    shapes = names.browsers if agent.lower().startswith(_BROWSER) else names.products
    for shape in shapes:
        if (match := shape.search(agent)) and match.group(1) is not None:
            name: str = match.group(1).strip(" -.!,")
            return None if not name or names.parts.search(name) else name
    return None
