"""The bot patterns of npm `isbot` and the project's own rules, made ready for Aho-Corasick and Rust's regex.

Most patterns are plain words, one pass for all. The rest is one small regex. Rust's regex has no
lookaround, so a pattern that spares something has it cut from the text first.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from ingest.classify.list_files import read_json, read_toml

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
CUT: Final = "${1}x"  # a letter, lest the end of the word before becomes a word's end
_ASCII: Final = {r"\b": r"(?-u:\b)", r"\w": "[0-9A-Za-z_]", r"\d": "[0-9]", r"\s": r"[ \t]", r"\S": r"[^ \t]"}
_LITERAL: Final = re.compile(r"(?:[a-z0-9 /\-_;@!,]|\\[./])+")


@dataclass(frozen=True, slots=True)
class Sparing:
    """A pattern that spares something: asked of the text without what the list's `cut` takes out of it.

    Every match holds `word`.
    """

    rule: str
    word: str
    regex: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A rule of the project's own: agents that match `regex`, but for those that match `unless`."""

    rule: str
    regex: str
    unless: str | None = None


@dataclass(frozen=True, slots=True)
class ModelCut:
    """Where an agent names the phone's model: group 2 of `regex` is cut out unless it matches `kept`."""

    regex: str
    kept: str | None


@dataclass(frozen=True, slots=True)
class BotList:
    """The list compiled: what to look for, and the name of the rule that it stands for."""

    literals: dict[str, str]  # lower-case text → rule
    prefixes: dict[str, str]  # lower-case text that an agent begins with → rule
    regexes: dict[str, str]  # regex → rule
    sparing: tuple[Sparing, ...]
    cut: str  # regex of all that the sparing patterns spare; put `CUT` in its place
    shapes: tuple[Shape, ...]  # asked of every agent
    products: tuple[Shape, ...]  # asked of agents that do not begin as a browser does
    models: tuple[ModelCut, ...]
    names_model: str  # regex that every agent matches of which `models` cut something
    apps: str  # regex of agents whose tail names an app; of those `asked_of_apps` alone is asked
    asked_of_apps: frozenset[str]  # rules

    @property
    def words(self) -> list[str]:
        """One of them stands in every agent that `literals` or `sparing` hit."""
        return [*self.literals, *(pattern.word for pattern in self.sparing)]

    @property
    def any_word(self) -> str:
        """One regex of `words`: twice as quick as Aho-Corasick, which only tells better which word it was."""
        return f"(?i-u:{'|'.join(map(re.escape, self.words))})"

    @property
    def prefix(self) -> str:
        """One regex of `prefixes`; its group is the text."""
        return f"(?i-u:^({'|'.join(map(re.escape, self.prefixes))}))"

    @property
    def union(self) -> str:
        return "|".join([*self.regexes, *(shape.regex for shape in self.shapes)])

    def of_apps(self) -> BotList:
        """The part that makes a bot of an agent whose tail names an app."""
        asked = self.asked_of_apps
        return replace(
            self,
            literals={text: rule for text, rule in self.literals.items() if rule in asked},
            prefixes={},
            regexes={regex: rule for regex, rule in self.regexes.items() if rule in asked},
            sparing=tuple(pattern for pattern in self.sparing if pattern.rule in asked),
            products=(),
        )


@cache
def bot_list() -> BotList:
    """The list that is shipped, with the project's own rules."""
    return compile_bot_list(read_json("isbot.json"))


def compile_bot_list(patterns: Sequence[str], switched_on: Collection[str] = ()) -> BotList:
    """Patterns as `isbot` publishes them and own_rules.toml, made ready.

    `switched_on` names own rules that are off otherwise. A regex that Rust refuses shows when it is first asked.
    """
    labels: dict[str, str] = read_toml("rule_names.toml")["names"]
    own = read_toml("own_rules.toml")
    marked = {exception["pattern"] for exception in own["cut"]}
    literals: dict[str, str] = {word["text"]: _own(word) for word in own["word"]}
    prefixes: dict[str, str] = {}
    regexes: dict[str, str] = {}
    sparing: list[Sparing] = []
    cuts: list[str] = []
    # Of several patterns that match, one made of a word tells more than one made of a shape.
    for pattern in sorted(patterns, key=lambda pattern: pattern in labels):
        rule = f"isbot:{labels.get(pattern) or _letters(pattern)}"
        if pattern in _LOOKAROUNDS:
            word, regex, spared = _LOOKAROUNDS[pattern]
            sparing.append(Sparing(f"isbot:{word}", word, _rust(regex)))
            cuts.extend(spared)
        elif _LITERAL.fullmatch(pattern.removeprefix("^")) and pattern.startswith("^"):
            prefixes[_text(pattern.removeprefix("^"))] = rule
        elif not _LITERAL.fullmatch(pattern):
            regexes[_rust(pattern)] = rule
        elif pattern in marked:
            sparing.append(Sparing(rule, _text(pattern), _rust(pattern)))
        else:
            literals[_text(pattern)] = rule
    cuts.extend(re.escape(exception["text"]) for exception in own["cut"])
    people = own["people"]
    person = _own_regex(own["products"]["people"])
    return BotList(
        literals=literals,
        prefixes=prefixes,
        regexes=regexes,
        sparing=tuple(sparing),
        cut=_cut(cuts),
        shapes=tuple(
            Shape(
                _own(shape),
                _own_regex([shape["pattern"]]),
                _own_regex([shape["unless"]]) if "unless" in shape else None,
            )
            for shape in own["shape"]
            if not shape.get("off") or shape["name"] in switched_on
        ),
        products=tuple(Shape(_own(shape), _own_regex([shape["pattern"]]), person) for shape in own["product"]),
        models=tuple(
            ModelCut(
                _own_regex([f"({cut['before']})(.{{1,200}}?)({cut['after']})"]),
                _own_regex([cut["kept"]]) if "kept" in cut else None,
            )
            for cut in people["models"]
        ),
        names_model=_own_regex([cut["before"] for cut in people["models"]]),
        apps=_own_regex([app["pattern"] for app in people["apps"]]),
        asked_of_apps=frozenset(
            [*(f"isbot:{name}" for name in people["asked"]), *(_own(rule) for rule in own["word"])],
        ),
    )


def own_rules() -> list[dict[str, Any]]:
    """The rows of own_rules.toml that make a bot: name, sentence, source and, for one that is not asked, `off`."""
    own = read_toml("own_rules.toml")
    return [*own["word"], *own["shape"], *own["product"]]


def _own(rule: dict[str, Any]) -> str:
    return f"own:{rule['name']}"


def _own_regex(patterns: Sequence[str]) -> str:
    """Any of the patterns, ignoring case. Classes and word ends are ASCII's: Unicode's are slow on foreign texts."""
    regex = "|".join(patterns)
    for escape, ascii_class in _ASCII.items():
        regex = regex.replace(escape, ascii_class)
    return f"(?i:{regex})"


def _cut(texts: Sequence[str]) -> str:
    """One regex for all that is spared; a space in front is a group of its own, for it has to stay."""
    after_space = "|".join(text.removeprefix(" ") for text in texts if text.startswith(" "))
    anywhere = "|".join(text for text in texts if not text.startswith(" "))
    return f"(?i-u:( )(?:{after_space})|(?:{anywhere}))"


def _text(literal: str) -> str:
    return re.sub(r"\\(.)", r"\1", literal)


def _letters(pattern: str) -> str:
    """The letters of a pattern: `^thumbor/` is thumbor."""
    letters = re.sub(r"\\[bd]|\[[^\]]*\]|\\(.)", lambda part: part.group(1) or "", pattern)
    return letters.strip("^$ /;") or pattern


def _rust(pattern: str) -> str:
    """The same pattern as JavaScript means it: letters, digits and word ends are ASCII's, case is ignored.

    Rust's classes want the bare hyphen escaped. A class that excludes must stay a class of characters: of bytes it
    could split one.
    """
    escaped = pattern.replace(r"[\w\d-.]", r"[\w\d\-.]")
    return f"(?i:{escaped})" if "[^" in escaped else f"(?i-u:{escaped})"
