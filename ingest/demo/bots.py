"""The bots that click one handle's links: previews right after posts, crawlers, monitors, libraries, the nameless."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from ingest.demo.chances import Chances, Rows, allot, chances
from ingest.demo.people import ADDRESSES, Stage, draw_links
from ingest.demo.requests import Method, requests
from ingest.demo.shape import after, draw_times
from ingest.demo.vocabulary import Crawler, Preview, Vocabulary

_MACHINES: Final = 40  # how many addresses one kind of bot has
_LAUNCH_POSTS: Final = 0.2
_MONITOR: Final = "monitor"


def bots(stage: Stage, count: int, words: Vocabulary, rng: np.random.Generator) -> pl.DataFrame:
    """`count` bot clicks of REQUESTS, in no order."""
    shares = {crawler.agents: crawler.share for crawler in words.crawlers}
    counts = allot(count, shares | {"previews": 1 - sum(shares.values())})
    parts = [_crawls(stage, crawler, counts[crawler.agents], words.bot_countries, rng) for crawler in words.crawlers]
    return pl.concat([_previews(stage, counts["previews"], words, rng), *parts])


def _crawls(stage: Stage, crawler: Crawler, count: int, countries: Chances, rng: np.random.Generator) -> pl.DataFrame:
    span = stage.span
    if crawler.agents == _MONITOR:  # as regular as a clock
        at = span.start + ((np.arange(count) + 0.5) * (span.end - span.start) / max(count, 1)).astype(np.int64)
        link = np.zeros(count, dtype=np.int64)
    else:
        at = draw_times(rng, count, np.ones_like(stage.busy), span)
        link = draw_links(stage, at, rng)
    methods = [Method.categories.to_list().index(name) for name in crawler.methods]
    columns = {
        "agent": stage.agents.groups[crawler.agents].draw(rng, count),
        "method": _methods(chances(methods, list(crawler.methods.values())).draw(rng, count)),
        "country": countries.draw(rng, count),
        "address": _machines(crawler.agents, rng, count),
    }
    return _bot_clicks(stage, at, link, columns, rng)


def _previews(stage: Stage, count: int, words: Vocabulary, rng: np.random.Generator) -> pl.DataFrame:
    """Posts in the handle's own busy hours, and more of them at a launch; each makes its place fetch the link."""
    kinds = chances(range(len(words.previews)), [preview.weight for preview in words.previews]).draw(rng, count)
    sizes = np.array([len(preview.requests) for preview in words.previews])[kinds]
    posts = int(np.searchsorted(np.cumsum(sizes), count)) + 1 if count else 0
    kinds, sizes = kinds[:posts], sizes[:posts]
    at = _post_times(stage, posts, rng)
    link = draw_links(stage, at, rng)
    country, address = words.bot_countries.draw(rng, posts), _machines("preview", rng, posts)

    post = np.repeat(np.arange(posts), sizes)[:count]
    turn = (np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes))[:count]
    methods, delays, agents = _preview_tables(words.previews, stage)
    fetched = np.minimum(at[post] + delays[kinds[post], turn], stage.span.end - 1)
    columns = {
        "agent": agents[kinds[post]],
        "method": _methods(methods[kinds[post], turn]),
        "country": country[post],
        "address": address[post],
    }
    return _bot_clicks(stage, fetched, link[post], columns, rng)


def _post_times(stage: Stage, posts: int, rng: np.random.Generator) -> Rows:
    launch = stage.creator.launch
    at_launch = 0
    times: list[Rows] = []
    if launch is not None and stage.launch_at is not None:
        at_launch = int(posts * _LAUNCH_POSTS)
        fading = after(np.array([stage.launch_at]), stage.busy, stage.span, launch.decay_hours)
        times.append(draw_times(rng, at_launch, fading, stage.span))
    times.append(draw_times(rng, posts - at_launch, stage.busy, stage.span))
    return np.concatenate(times)


def _preview_tables(previews: tuple[Preview, ...], stage: Stage) -> tuple[Rows, Rows, Rows]:
    """(method by kind and turn, delay in ms by kind and turn, agent by kind)."""
    turns = max(len(preview.requests) for preview in previews)
    methods, delays = np.zeros((len(previews), turns), dtype=np.int64), np.zeros((len(previews), turns), dtype=np.int64)
    names = Method.categories.to_list()
    for kind, preview in enumerate(previews):
        for turn, (method, seconds) in enumerate(preview.requests):
            methods[kind, turn], delays[kind, turn] = names.index(method), int(seconds * 1000)
    return methods, delays, np.array([stage.agents.groups[preview.agents].rows[0] for preview in previews])


def _bot_clicks(
    stage: Stage, at: Rows, link: Rows, columns: dict[str, Rows | pl.Series], rng: np.random.Generator
) -> pl.DataFrame:
    return requests(
        columns
        | {
            "at": at,
            "creator": stage.number,
            "is_bot": True,
            "host": stage.audience.hosts.draw(rng, at.size),
            "path": np.asarray(stage.audience.paths)[link],
            "answer": stage.statuses[link],
        }
    )


def _methods(rows: Rows) -> pl.Series:
    return pl.Series(rows, dtype=pl.UInt8).cat.to(Method)


def _machines(name: str, rng: np.random.Generator, count: int) -> Rows:
    first = sum(name.encode()) * _MACHINES
    return (first + rng.integers(0, _MACHINES, count)) % ADDRESSES
