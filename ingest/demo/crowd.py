"""Who is in bulk logs: many handles with their links, and tens of thousands of distinct user agents."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingest.demo.agent_templates import BOT, load_agents
from ingest.demo.chances import Rows, Weights, noise, zipf
from ingest.demo.encoding import encode

_VERSION: Final = re.compile(r"((?:Chrome|CriOS|FxiOS|Firefox|Safari)/\d+)\S*")
_LINKS: Final = 12  # of each handle
_AGENTS: Final = 40_000
_BOTS: Final = 0.11  # of all visitors
_VISITORS_PER_CLICK: Final = 0.45
_LOYALTY: Final = 1.6  # above one, some visitors come more often than others


@dataclass(frozen=True, slots=True)
class Crowd:
    """The tables that every line is drawn from. `hosts` and `paths` have one row a link of every handle; the chances
    of a row end at its `*_ends`, where those of the next begin. `visitors`: how many each handle has."""

    hosts: pl.Series
    paths: pl.Series
    link_ends: Weights
    agents: pl.Series
    agent_ends: Weights
    visitors: Weights
    seed: int

    def links(self, chance: Weights) -> Rows:
        """The row of a link for each chance in 0..1."""
        return np.minimum(np.searchsorted(self.link_ends, chance), self.hosts.len() - 1)

    def people(self, links: Rows, chance: Weights) -> tuple[NDArray[np.uint64], Rows]:
        """(who clicks each of the links, as a number, and the row of their agent): some visitors return."""
        handle = links // _LINKS
        place = (self.visitors[handle] * chance**_LOYALTY).astype(np.uint64)
        who = noise((handle.astype(np.uint64) << np.uint64(32)) + place, self.seed, 1)[:, 0]
        agent = np.searchsorted(self.agent_ends, (who >> np.uint64(11)).astype(np.float64) * 2.0**-53)
        return who, np.minimum(agent, self.agents.len() - 1)


def draw_crowd(handles: int, lines: int, public_domain: str, seed: int) -> Crowd:
    names = _names(handles)
    chance = (zipf(handles)[:, None] * zipf(_LINKS)[None, :]).ravel()
    agents, weights = _agents(seed)
    return Crowd(
        hosts=pl.Series([f"{name}.{public_domain}" for name in names for _ in range(_LINKS)]),
        paths=pl.Series([f"/{slug}" for _ in names for slug in _slugs()]),
        link_ends=np.cumsum(chance),
        agents=pl.Series([encode(agent) for agent in agents]),
        agent_ends=np.cumsum(weights),
        visitors=np.maximum(5.0, zipf(handles) * lines * _VISITORS_PER_CLICK),
        seed=seed,
    )


def crowd_accounts(handles: int, first: datetime) -> dict[str, Any]:
    """What `clickledger accounts` reads."""
    since = (first - timedelta(days=30)).strftime("%Y-%m-%dT00:00:00Z")
    links = [
        {"slug": slug, "destinationUrl": f"https://shop.example/{slug}", "campaignId": "always" if number % 3 else None}
        for number, slug in enumerate(_slugs())
    ]
    plans = ("FREE", "PRO", "ENTERPRISE")
    return {
        "handles": [
            {
                "handle": name,
                "plan": plans[number % 3],
                "planSince": since,
                "collaborators": [{"userId": "user_ann", "role": "OWNER"}],
                "campaigns": [{"campaignId": "always", "name": "Always on"}],
                "links": links,
            }
            for number, name in enumerate(_names(handles))
        ]
    }


def _names(handles: int) -> list[str]:
    return [f"creator-{number:05d}" for number in range(handles)]


def _slugs() -> list[str]:
    return [f"link-{number:02d}" for number in range(_LINKS)]


def _agents(seed: int) -> tuple[list[str], Weights]:
    """The agents of the demo with other builds of the same versions, until there are many; bots have but one build."""
    known = load_agents()
    rng = np.random.default_rng([seed, 3])
    people = [text for text, device in zip(known.texts, known.devices, strict=True) if device != BOT]
    machines = [text for text, device in zip(known.texts, known.devices, strict=True) if device == BOT]
    made = dict.fromkeys(people)
    numbers = rng.integers(1, 9_999, (_AGENTS, 2)).tolist()
    for (build, patch), text in zip(numbers, people * (_AGENTS // len(people) + 1), strict=False):
        made[_other_build(text, build, patch)] = None
    weights = np.concatenate(
        [zipf(len(made), 0.9) * (1 - _BOTS), np.full(len(machines), _BOTS / len(machines))],
    )
    return [*made, *machines], weights


def _other_build(text: str, build: int, patch: int) -> str:
    """A user agent of the same product and version with another build number."""
    found = _VERSION.search(text)
    if found is None:
        return f"{text} Build/{build}"
    return f"{text[: found.end(1)]}.0.{build}.{patch % 200}{text[found.end() :]}"
