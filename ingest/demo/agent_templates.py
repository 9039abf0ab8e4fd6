"""The user agents of the demo world: templates of data/agents.toml filled with every version that they name."""

from __future__ import annotations

import string
import tomllib
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Final

from ingest.demo.chances import Chances, chances

DATA: Final = Path(__file__).with_name("data")
BOT: Final = "BOT"
_NEXT_VERSION: Final = 0.7  # how much rarer each entry of a list is than the one before it


@dataclass(frozen=True, slots=True)
class Agents:
    """One row a user agent, as the browser sends it; `groups` says which rows a channel or a bot uses."""

    texts: tuple[str, ...]
    devices: tuple[str, ...]  # BOT for bots
    groups: dict[str, Chances]


@cache
def load_agents() -> Agents:
    tables = tomllib.loads((DATA / "agents.toml").read_text())
    texts: list[str] = []
    devices: list[str] = []
    groups: dict[str, tuple[list[int], list[float]]] = {}
    for family in tables["family"]:
        rows, weights = groups.setdefault(family["group"], ([], []))
        for text, weight in _filled(family["template"], tables["lists"]):
            rows.append(len(texts))
            weights.append(weight * family["weight"])
            texts.append(text)
            devices.append(BOT if family.get("bot") else family["device"])
    return Agents(tuple(texts), tuple(devices), {name: chances(*group) for name, group in groups.items()})


def _filled(template: str, lists: dict[str, list[Any]]) -> list[tuple[str, float]]:
    """Every combination of the lists that the template names, with its share of the family."""
    named = {field.split("[")[0] for _, field, _, _ in string.Formatter().parse(template) if field}
    names = sorted(named)
    options = [list(enumerate(lists[name])) for name in names]
    filled = [
        (
            template.format(**{name: value for name, (_, value) in zip(names, chosen, strict=True)}),
            prod(_NEXT_VERSION**rank for rank, _ in chosen),
        )
        for chosen in product(*options)
    ]
    whole = sum(weight for _, weight in filled)
    return [(text, weight / whole) for text, weight in filled]
