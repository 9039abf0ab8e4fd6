"""Is this user agent a bot, and by which rule: isbot's patterns and the project's own over decoded agents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Final

import polars as pl

from ingest.classify.bot_list import APPS, MODELS, PRODUCTS, RULES, SPARED, BotList, BotRule, ModelCut, bot_list
from ingest.classify.pattern_set import Found
from ingest.classify.versions import places_in, without_versions

EMPTY_RULE: Final = "empty-user-agent"
_BROWSER: Final = "Mozilla/"
_CUT: Final = "x"  # a letter, lest the end of the word before becomes a word's end


def bot_rules(decoded: pl.Series, bots: BotList | None = None) -> pl.Series:
    """The rule that makes each decoded agent a bot (`isbot:…`, `own:…`, `empty-user-agent`); null for a person."""
    bots = bots or bot_list()
    asked = without_versions(decoded)
    distinct = asked.unique()
    rules = [bot_rule(bots.pattern_set.find(agent), bots) for agent in distinct.to_list()]
    return pl.Series("bot_rule", rules, dtype=pl.String).gather(places_in(distinct, asked))


def bot_rule(found: Found, bots: BotList) -> str | None:
    """The same of one agent; `found` by a set that holds the lists of `bots`."""
    agent = found.text
    is_browser = agent.startswith(_BROWSER)
    if is_browser and found.first(RULES) is None:
        return None  # nearly every agent
    if agent.strip() in {"", "-"}:
        return EMPTY_RULE
    is_app = found.first(APPS) is not None
    for place in found.every(MODELS):
        found = found.again(_without_model(found.text, bots.models[place]))
    for rule in _hits(found, bots, asks_products=not is_browser and not is_app):
        if (not is_app or rule.name in bots.asked_of_apps) and not (rule.unless and rule.unless.search(found.text)):
            return rule.name
    return None


def _hits(found: Found, bots: BotList, *, asks_products: bool) -> Iterator[BotRule]:
    """The rules whose pattern matches, in their order."""
    places = found.every(RULES)
    texts = tuple(bots.spared[place] for place in found.every(SPARED))
    if texts and places and places[0] < bots.sparing:
        cut = found.again(_without_spared(texts).sub(_CUT, found.text))
        places = [
            *(place for place in cut.every(RULES) if place < bots.sparing),
            *(place for place in places if place >= bots.sparing),
        ]
    yield from (bots.rules[place] for place in places)
    if asks_products:
        yield from (bots.products[place] for place in bots.products_set.find(found.text).every(PRODUCTS))


@lru_cache
def _without_spared(texts: tuple[str, ...]) -> re.Pattern[str]:
    """One regex of the texts, which are literals or nearly so. A space in front is a word's end and has to stay."""
    return re.compile("|".join(re.sub("^ ", "(?<= )", text) for text in texts), re.ASCII | re.IGNORECASE)


def _without_model(agent: str, cut: ModelCut) -> str:
    return cut.regex.sub(partial(_cut_or_kept, cut), agent)


def _cut_or_kept(cut: ModelCut, found: re.Match[str]) -> str:
    is_kept = cut.kept is not None and cut.kept.search(found[2])
    return found[0] if is_kept else f"{found[1]}{_CUT}{found[3]}"
