"""The demo world on disk: accounts, log files, sources and the truth, made once for a seed and then reused."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import polars as pl
from isal import igzip

from ingest.demo.agent_templates import load_agents
from ingest.demo.bots import bots
from ingest.demo.chances import allot
from ingest.demo.creators import accounts, load_creators, load_strays
from ingest.demo.delivery import BEFORE_COUNTRY, WITH_COUNTRY, deliveries, redeliver
from ingest.demo.people import people, set_stage
from ingest.demo.posted_events import follow, totals
from ingest.demo.realtime import COUNTRY_FIELD, FIELDS, prepare_writer
from ingest.demo.requests import Span
from ingest.demo.shape import HOUR
from ingest.demo.strays import strays
from ingest.demo.truth import Truth, count_truth, render_truth
from ingest.demo.vocabulary import Vocabulary, build_vocabulary

VERSION: Final = 2  # of the generator: another one makes other worlds
_STRAYS: Final = 0.1  # of all lines
_DUPLICATES: Final = 0.004
_COUNTRY_FROM: Final = 0.21  # part of the span without c-country
_FILES_A_DAY: Final = 4 / 3
_FEWEST_FILES: Final = 24
_MOST_FILES: Final = 200


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a world depends on; with another recipe a folder is made anew."""

    version: int
    seed: int
    days: int
    lines: int
    public_domain: str


@dataclass(frozen=True, slots=True)
class World:
    """`is_new`: made by this call, so whatever was ingested from an older one in this folder is out of date."""

    folder: Path
    accounts_file: Path
    sources_file: Path
    followed_file: Path
    logs: tuple[Path, ...]
    truth: Truth
    end: datetime
    is_new: bool


def make_world(
    folder: Path, *, seed: int = 7, end: datetime, days: int = 90, lines: int = 600_000, public_domain: str
) -> World:
    """The world of `days` UTC days, the last of them cut at `end` (aware). Where `folder` holds the world of the same
    recipe it is reused, with the `end` that it was made with."""
    recipe = Recipe(VERSION, seed, days, lines, public_domain)
    made = _kept_end(folder, recipe)
    if made is None:
        _clear(folder)
        _make(folder, recipe, end)
        _write_json(folder / "world.json", asdict(recipe) | {"end": end.astimezone(UTC).isoformat()})
    return World(
        folder=folder,
        accounts_file=folder / "accounts.json",
        sources_file=folder / "sources.toml",
        followed_file=folder / "followed.parquet",
        logs=_logs(folder),
        truth=cast(Truth, json.loads((folder / "truth.json").read_text())),
        end=made or end,
        is_new=made is None,
    )


def describe_truth(world: World) -> str:
    """The true totals as a table, for the caller to print."""
    return render_truth(world.truth)


def _kept_end(folder: Path, recipe: Recipe) -> datetime | None:
    manifest = folder / "world.json"  # written last: without it the folder is not whole
    if not manifest.exists():
        return None
    kept: dict[str, Any] = json.loads(manifest.read_text())
    end = datetime.fromisoformat(kept.pop("end"))
    return end if kept == asdict(recipe) else None


def _clear(folder: Path) -> None:
    (folder / "world.json").unlink(missing_ok=True)
    for path in _logs(folder):
        path.unlink()


def _logs(folder: Path) -> tuple[Path, ...]:
    return tuple(
        path for name in (BEFORE_COUNTRY, WITH_COUNTRY) for path in sorted((folder / "logs" / name).glob("*.gz"))
    )


def _make(folder: Path, recipe: Recipe, end: datetime) -> None:
    creators, agents = load_creators(), load_agents()
    words = build_vocabulary(creators, load_strays(), recipe.public_domain, recipe.seed)
    span = _span(end, recipe.days)
    country_from = span.at(_COUNTRY_FROM) // HOUR * HOUR
    rng = np.random.default_rng([recipe.seed, 2])

    requests = _requests(recipe.lines, words, span, rng)
    _write_json(folder / "accounts.json", accounts(creators, _moment(span.start)))
    followed = follow(requests, creators, words, recipe.seed, np.random.default_rng([recipe.seed, 3]))
    followed.filter(pl.col("at") < span.end).write_parquet(folder / "followed.parquet")
    truth = count_truth(requests, creators, words, agents, span=span, country_from=country_from)
    for handle, (conversions, revenue, currency) in totals(pl.read_parquet(folder / "followed.parquet")).items():
        known = truth["handles"][handle]
        known["conversions"], known["revenue"] = conversions, {currency: str(revenue)}
    _write_json(folder / "truth.json", truth)
    (folder / "sources.toml").write_text(_sources())

    writer = prepare_writer(words, agents, recipe.seed)
    files = min(_MOST_FILES, max(_FEWEST_FILES, round(recipe.days * _FILES_A_DAY)))
    for delivery in deliveries(requests, span, country_from, files, rng):
        path = folder / "logs" / delivery.folder / delivery.name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = writer.text(delivery.requests, with_country=delivery.folder == WITH_COUNTRY)
        path.write_bytes(igzip.compress(text, 1, mtime=0))


def _requests(lines: int, words: Vocabulary, span: Span, rng: np.random.Generator) -> pl.DataFrame:
    """Every line of the world: exactly `lines` rows of REQUESTS with `serial` and `delivered`."""
    creators = load_creators()
    counts = allot(lines, {"clicks": 1 - _STRAYS - _DUPLICATES, "strays": _STRAYS, "duplicates": _DUPLICATES})
    clicks: list[pl.DataFrame] = []
    by_handle = allot(counts["clicks"], {creator.handle: creator.share for creator in creators})
    for number, creator in enumerate(creators):
        stage = set_stage(number, creator, words.audiences[number], load_agents(), span=span, rng=rng)
        by_kind = allot(by_handle[creator.handle], {"people": 1 - creator.bots, "bots": creator.bots})
        clicks += [people(stage, by_kind["people"], rng), bots(stage, by_kind["bots"], words, rng)]
    clicked = pl.concat(clicks)
    others = strays(clicked, counts["strays"], words, span, rng)
    return redeliver(pl.concat([clicked, others]), counts["duplicates"], rng)


def _span(end: datetime, days: int) -> Span:
    last = end.astimezone(UTC)
    first = last.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    return Span(int(first.timestamp() * 1000), int(last.timestamp() * 1000))


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _sources() -> str:
    """Country was added to the log configuration later: two stretches of logs, two field lists. And the log of the
    short links that are answered here."""
    without_country = tuple(name for name in FIELDS if name != COUNTRY_FIELD)
    return (
        "\n".join(
            f'[[source]]\nurl = "logs/{name}"\nfields = "{",".join(fields)}"\nsampling = 100\n'
            for name, fields in ((BEFORE_COUNTRY, without_country), (WITH_COUNTRY, FIELDS))
        )
        + '\n[[source]]\nurl = "../redirect-logs"\n'
    )


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
