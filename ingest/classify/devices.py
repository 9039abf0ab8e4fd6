"""Phone, tablet or desktop: the ordered rules of lists/devices.toml over the decoded user agent.

Known limit: most iPads present themselves as Macintosh and count as DESKTOP.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Final

from ingest.classify.list_files import read_toml
from ingest.classify.pattern_set import Found, Patterns, patterns_of

_PLATFORM: Final = "platform"
_REST: Final = "rest"
_LONGEST_MODEL: Final = 200  # what is longer is no name
# What stands behind `Android 13; ` and a language, up to ` Build/` or the next mark: `SM-T500`.
_MODEL: Final = re.compile(
    r"(?:android|adr|tizen)[^;()]*; ?(?:[a-z]{2}(?:[-_][a-z0-9#]{2,4})?; ?)?([^;)/]+)", re.ASCII | re.IGNORECASE
)
_BROWSERS: Final = ("Mozilla/", "Dalvik/", "Opera/", "UCWEB/")
# An app that is no browser puts its facts into brackets, in an order of its own.
_FACTS_OF_APP: Final = re.compile(r"\(([^()]*)")
_LONGEST_PREFIX: Final = 2_000  # a model stands at the beginning: Python's regex may go back over what it has read


def device_patterns() -> Mapping[str, Sequence[Patterns]]:
    """The lists that `device` asks."""
    lists = read_toml("devices.toml")
    return {part: patterns_of(lists[part]) for part in (_PLATFORM, _REST)}


def device(found: Found) -> str:
    """MOBILE, TABLET, DESKTOP or UNKNOWN for an agent. Bots are the caller's: a bot is always BOT."""
    place = found.first(_PLATFORM)
    if place is not None:
        return _answers(_PLATFORM)[place]
    model = _model(found.text)
    if model is not None and (told := _device_of_model(model)) is not None:
        return told
    place = found.first(_REST)
    return "UNKNOWN" if place is None else _answers(_REST)[place]


@cache
def _answers(part: str) -> tuple[str, ...]:
    return tuple(row["device"] for row in read_toml("devices.toml")[part])


@lru_cache(maxsize=50_000)  # many agents have one model
def _device_of_model(model: str) -> str | None:
    """The answer of the first rule of `model` that matches; None where none does."""
    name = model.replace("_", " ")
    return next((device for device, pattern in _model_rules() if pattern.search(name)), None)


@cache
def _model_rules() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (rule["device"], re.compile("|".join(rule["patterns"]), re.ASCII | re.IGNORECASE))
        for rule in read_toml("devices.toml")["model"]
    )


def _model(agent: str) -> str | None:
    """The model as an agent of Android says it; of an app that is no browser, all that it says of the device."""
    beginning = agent[:_LONGEST_PREFIX]
    if agent.startswith(_BROWSERS):
        found = _MODEL.search(beginning)
    elif "android" in agent.lower():
        found = _FACTS_OF_APP.search(beginning)
    else:
        return None
    return found.group(1).removesuffix(" Build")[:_LONGEST_MODEL] if found else None
