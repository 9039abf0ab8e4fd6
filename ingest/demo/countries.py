"""Where people are: countries of data/countries.tsv with the edges and networks that serve them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from ingest.demo.agent_templates import DATA
from ingest.demo.chances import Chances, chances


@dataclass(frozen=True, slots=True)
class Country:
    """`code` is what the log says: `-` where CloudFront could not tell."""

    code: str
    weight: float
    edges: tuple[str, ...]
    networks: tuple[str, ...]


@cache
def load_countries() -> tuple[Country, ...]:
    lines = (DATA / "countries.tsv").read_text().splitlines()[1:]
    return tuple(
        Country(code, float(weight), tuple(edges.split()), tuple(networks.split()))
        for code, weight, edges, networks in (line.split("\t") for line in lines)
    )


def spread(own: Mapping[str, float]) -> Chances:
    """Every country at a fifth of its common weight, except those that `own` weighs."""
    countries = load_countries()
    return chances(range(len(countries)), [own.get(one.code, one.weight / 5) for one in countries])


def only(weights: Mapping[str, float]) -> Chances:
    """These countries alone."""
    return chances(range(len(load_countries())), [weights.get(one.code, 0.0) for one in load_countries()])
