"""Every text that a demo log line may hold, by row number: hosts, paths, queries, referrers, and who uses which."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

from ingest.demo.agent_templates import DATA
from ingest.demo.chances import Chances, chances, mixed
from ingest.demo.countries import only, spread
from ingest.demo.creators import Creator, Strays

TOKEN: Final = "{token}"
DIRECT: Final = "direct"
_POSTS: Final = 24  # how many posts of one place, each with its own short link to ours
_LETTERS: Final = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")


class Words:
    """Texts by row: the same text is the same row."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._rows: dict[str, int] = {}

    def row(self, text: str) -> int:
        if text not in self._rows:
            self._rows[text] = len(self.texts)
            self.texts.append(text)
        return self._rows[text]

    def rows(self, texts: Sequence[str]) -> list[int]:
        return [self.row(text) for text in texts]


@dataclass(frozen=True, slots=True)
class Channel:
    """A place that sends people; `agents` are groups of agents.toml."""

    name: str
    agents: Mapping[str, float]
    referrers: Chances
    queries: Chances


@dataclass(frozen=True, slots=True)
class Preview:
    """What a place does when somebody posts a link there: these methods, so many seconds later."""

    agents: str
    weight: float
    requests: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Crawler:
    agents: str
    share: float  # of all bot clicks
    methods: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Audience:
    """Where the people of one handle are and come from, and the hosts and paths that they ask for."""

    countries: Chances
    channels: tuple[Channel, ...]
    channel_chances: Chances
    hosts: Chances
    paths: tuple[int, ...]  # of the live links, in their order


@dataclass(frozen=True, slots=True)
class Vocabulary:
    hosts: Words
    paths: Words
    queries: Words  # without `?`; TOKEN stands for something random
    referrers: Words
    domains: Mapping[int, str]  # referrer row → the domain that a person would name
    audiences: tuple[Audience, ...]  # in the order of the creators
    missing_paths: Chances
    asset_paths: Chances
    invalid_paths: Chances
    unknown_hosts: Chances
    previews: tuple[Preview, ...]
    crawlers: tuple[Crawler, ...]
    bot_countries: Chances


def build_vocabulary(creators: Sequence[Creator], strays: Strays, public_domain: str, seed: int) -> Vocabulary:
    hosts, paths, queries, referrers = Words(), Words(), Words(), Words()
    queries.row("")
    referrers.row("-")
    domains: dict[int, str] = {0: DIRECT}
    rng = np.random.default_rng([seed, 1])
    tables = _tables()

    def channel(name: str, own_host: str) -> Channel:
        table = tables["channel"][name]
        rows: list[int] = []
        weights: list[float] = []
        for template, domain, weight in table["referrers"]:
            posts = _posts(template.replace("{own_host}", own_host), rng)
            rows += referrers.rows(posts)
            weights += [weight / len(posts)] * len(posts)
            domains.update(dict.fromkeys(referrers.rows(posts), str(domain)))
        asked = chances(
            queries.rows([text for text, _ in table["queries"]]), [weight for _, weight in table["queries"]]
        )
        return Channel(name, table["agents"], chances(rows, weights), asked)

    def audience(creator: Creator) -> Audience:
        main = f"{creator.handle}.{public_domain}"
        own = hosts.rows([main, main.upper(), f"{main}:443", *creator.domains])
        custom = [14.0] * len(creator.domains)
        return Audience(
            countries=spread(creator.countries),
            channels=tuple(channel(name, main) for name in creator.channels),
            channel_chances=chances(range(len(creator.channels)), list(creator.channels.values())),
            hosts=chances(own, [20.0, 0.02, 0.1, *custom]),
            paths=tuple(paths.rows([f"/{link.slug}" for link in creator.live_links])),
        )

    def equal(words: Words, texts: Sequence[str]) -> Chances:
        return chances(words.rows(texts), [1.0] * len(texts))

    return Vocabulary(
        audiences=tuple(audience(creator) for creator in creators),
        missing_paths=equal(paths, strays.missing_paths),
        asset_paths=equal(paths, strays.asset_paths),
        invalid_paths=equal(paths, strays.invalid_paths),
        unknown_hosts=equal(hosts, [name.format(public_domain=public_domain) for name in strays.unknown_hosts]),
        previews=tuple(
            Preview(row["agents"], row["weight"], tuple((method, after) for method, after in row["requests"]))
            for row in tables["preview"]
        ),
        crawlers=tuple(Crawler(**row) for row in tables["crawler"]),
        bot_countries=only(tables["bot_countries"]),
        hosts=hosts,
        paths=paths,
        queries=queries,
        referrers=referrers,
        domains=domains,
    )


def agents_of(channel: Channel, groups: Mapping[str, Chances]) -> Chances:
    return mixed([(groups[name], weight) for name, weight in channel.agents.items()])


@cache
def _tables() -> dict[str, Any]:
    return tomllib.loads((DATA / "channels.toml").read_text())


def _posts(template: str, rng: np.random.Generator) -> list[str]:
    if TOKEN not in template:
        return [template]
    tokens = ["".join(rng.choice(_LETTERS, 10)) for _ in range(_POSTS)]
    return list(dict.fromkeys(template.replace(TOKEN, token) for token in tokens))
