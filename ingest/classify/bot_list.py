"""The bot patterns of npm `isbot` and the project's own rules, made ready for RE2.

RE2 has no lookaround, so a pattern that spares something is asked of the text without what it spares.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final

import re2

from ingest.classify.list_files import read_json, read_toml
from ingest.classify.pattern_set import Patterns, PatternSet, ignoring_case

# A pattern with lookarounds → the word that all its matches hold, the pattern without them, and what they spare.
_LOOKAROUNDS: Final = {
    r"(?<! channel/|google/)google(?!(?:wv|app|/google| pixel))": (
        "google",
        r"google",
        (r" channel/google", r"google/google", r"google(?:wv|app| pixel)"),
    ),
    r"(?:^|[^g])news(?!sapphire)": ("news", r"(?:^|[^g])news", (r"newssapphire",)),
    r"(?<! cu)bots?(?:\b|_)": ("bot", r"bots?(?:\b|_)", (r" cubots?",)),
    r"(?<!cam)scan": ("scan", r"scan", (r"camscan",)),
    r"(?<!lib)http": ("http", r"http", (r"libhttp",)),
    r"java(?!;)": ("java", r"java", (r"java;",)),
}
_WORD: Final = re.compile(r"(?:[a-z0-9 /\-_;@!,]|\\[./])+")
RULES: Final = "bots: rules"
SPARED: Final = "bots: spared"
APPS: Final = "bots: apps"
MODELS: Final = "bots: models"
PRODUCTS: Final = "bots: products"


@dataclass(frozen=True, slots=True)
class BotRule:
    """Agents that match `pattern`, but for those that match `unless`, are bots by the rule `name`."""

    name: str
    pattern: str
    unless: Any = None  # compiled by RE2


@dataclass(frozen=True, slots=True)
class ModelCut:
    """Where an agent names the phone's model: group 2 of `regex` is cut out unless it matches `kept`.

    Python's regexes: quicker on one short text, and what they may go back over is bounded.
    """

    before: str
    regex: re.Pattern[str]
    kept: re.Pattern[str] | None


@dataclass(frozen=True)
class BotList:
    """The list compiled: rules in the order in which they are asked, and whom they spare."""

    rules: tuple[BotRule, ...]
    sparing: int  # so many rules, the first ones, are asked of the agent without what `spared` finds in it
    spared: tuple[str, ...]  # regexes
    products: tuple[BotRule, ...]  # asked of agents that do not begin as a browser does
    models: tuple[ModelCut, ...]
    apps: Patterns  # of agents whose tail names an app; of those `asked_of_apps` alone is asked
    asked_of_apps: frozenset[str]  # names of rules

    def lists(self) -> Mapping[str, Sequence[Patterns]]:
        """What is asked of every agent."""
        return {
            RULES: [(rule.pattern,) for rule in self.rules],
            SPARED: [(ignoring_case(text),) for text in self.spared],
            APPS: [self.apps],
            MODELS: [(ignoring_case(cut.before),) for cut in self.models],
        }

    @cached_property
    def pattern_set(self) -> PatternSet:
        """A set of `lists` alone."""
        return PatternSet(self.lists())

    @cached_property
    def products_set(self) -> PatternSet:
        return PatternSet({PRODUCTS: [(rule.pattern,) for rule in self.products]})


@cache
def bot_list() -> BotList:
    """The list that is shipped, with the project's own rules."""
    return compile_bot_list(read_json("isbot.json"))


def compile_bot_list(patterns: Sequence[str], switched_on: Collection[str] = ()) -> BotList:
    """Patterns as `isbot` publishes them and own_rules.toml, made ready.

    `switched_on` names own rules that are off otherwise. A regex that RE2 refuses shows when a set is made of them.
    """
    own = read_toml("own_rules.toml")
    marked = {exception["pattern"] for exception in own["cut"]}
    sparing: list[BotRule] = []
    listed: list[BotRule] = []
    spared: list[str] = []
    for pattern in sorted(patterns, key=_shapelessness):
        if pattern in _LOOKAROUNDS:
            word, without, spares = _LOOKAROUNDS[pattern]
            sparing.append(BotRule(f"isbot:{word}", ignoring_case(without)))
            spared.extend(spares)
        else:
            (sparing if pattern in marked else listed).append(BotRule(f"isbot:{_label(pattern)}", _re2(pattern)))
    spared.extend(re.escape(exception["text"]) for exception in own["cut"])
    people = own["people"]
    return BotList(
        rules=(
            *sparing,
            *(BotRule(_own(word), ignoring_case(re.escape(word["text"]))) for word in own["word"]),
            *listed,
            *(_shape(shape) for shape in own["shape"] if not shape.get("off") or shape["name"] in switched_on),
        ),
        sparing=len(sparing),
        spared=tuple(spared),
        products=tuple(_shape({**shape, "unless": "|".join(own["products"]["people"])}) for shape in own["product"]),
        models=tuple(_model_cut(cut) for cut in people["models"]),
        apps=tuple(ignoring_case(app["pattern"]) for app in people["apps"]),
        asked_of_apps=frozenset(
            [*(f"isbot:{name}" for name in people["asked"]), *map(_own, [*own["word"], *own["shape"]])]
        ),
    )


def own_rules() -> list[dict[str, Any]]:
    """The rows of own_rules.toml that make a bot: name, sentence, source and, for one that is not asked, `off`."""
    own = read_toml("own_rules.toml")
    return [*own["word"], *own["shape"], *own["product"]]


def _own(rule: Mapping[str, Any]) -> str:
    return f"own:{rule['name']}"


def _shape(shape: Mapping[str, Any]) -> BotRule:
    unless = re2.compile(ignoring_case(shape["unless"])) if "unless" in shape else None
    return BotRule(_own(shape), ignoring_case(shape["pattern"]), unless)


def _model_cut(cut: Mapping[str, str]) -> ModelCut:
    return ModelCut(
        cut["before"],
        _python(f"({cut['before']})(.{{1,200}}?)({cut['after']})"),
        _python(cut["kept"]) if "kept" in cut else None,
    )


def _python(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII | re.IGNORECASE)


def _shapelessness(pattern: str) -> int:
    """Of several patterns that match, a word tells more than the beginning of an agent, and that more than a shape."""
    is_word = (_WORD.fullmatch(pattern), _WORD.fullmatch(pattern.removeprefix("^")), pattern not in _labels(), True)
    return next(rank for rank, answer in enumerate(is_word) if answer)


def _label(pattern: str) -> str:
    """What a pattern is called: its letters (`^thumbor/` is thumbor), or the name that rule_names.toml gives it."""
    if (given := _labels().get(pattern)) is not None:
        return given
    letters = re.sub(r"\\[bd]|\[[^\]]*\]|\\(.)", lambda part: part.group(1) or "", pattern)
    return letters.strip("^$ /;") or pattern


@cache
def _labels() -> dict[str, str]:
    return read_toml("rule_names.toml")["names"]


def _re2(pattern: str) -> str:
    """The same pattern as JavaScript means it: case is ignored. RE2's classes want the bare hyphen escaped."""
    return ignoring_case(pattern.replace(r"[\w\d-.]", r"[\w\d\-.]"))
