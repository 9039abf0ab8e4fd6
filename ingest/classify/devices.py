"""Phone, tablet or desktop: the ordered rules of lists/devices.toml over the decoded user agent.

Known limit: most iPads present themselves as Macintosh and count as DESKTOP.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final

import polars as pl

from ingest.classify.list_files import read_toml
from ingest.classify.ordered_rules import Rule, Undecided, compile_rules

_LONGEST_MODEL: Final = 200  # what is longer is no name
# What stands behind `Android 13; ` and a language, up to ` Build/` or the next mark: `SM-T500`.
_MODEL: Final = r"(?i:android|adr|tizen)[^;()]*; ?(?:[a-zA-Z]{2}(?:[-_][a-zA-Z0-9#]{2,4})?; ?)?([^;)/]+)"
_BROWSER: Final = r"^(?:Mozilla|Dalvik|Opera|UCWEB)/"
# An app that is no browser puts its facts into brackets, in an order of its own.
_FACTS_OF_APP: Final = r"\(([^()]*)"


def devices(decoded: pl.Series) -> pl.Series:
    """MOBILE, TABLET, DESKTOP or UNKNOWN for each decoded agent. Bots are the caller's: a bot is always BOT."""
    agents = Undecided(decoded)
    agents.ask(_rules("platform"))
    agents.ask_of(_models, _device_of_model)
    agents.ask(_rules("rest"))
    return agents.answers(otherwise="UNKNOWN").alias("device")


@cache
def _rules(part: str) -> tuple[Rule, ...]:
    return compile_rules(read_toml("devices.toml")[part], answer="device")


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


def _models(agents: pl.Series) -> pl.Series:
    """The model as an agent of Android says it; of an app that is no browser, all that it says of the device."""
    is_browser = agents.str.contains(_BROWSER)
    agent = pl.col("agent")
    found = agent.str.extract(_MODEL).str.strip_suffix(" Build")
    if not is_browser.all():
        is_app = ~is_browser & agents.str.contains("(?i)android")
        found = pl.when(is_browser).then(found).when(is_app).then(agent.str.extract(_FACTS_OF_APP))
    return pl.DataFrame({"agent": agents}).select(found.str.slice(0, _LONGEST_MODEL))["agent"]
