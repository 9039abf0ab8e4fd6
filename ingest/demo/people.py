"""The people of one handle: visitors with a place, a browser and an address, who click its links again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from ingest.demo.agent_templates import Agents
from ingest.demo.chances import Rows, Weights, chances, zipf
from ingest.demo.creators import Creator
from ingest.demo.requests import REDIRECT, REDIRECT_307, Span, requests
from ingest.demo.shape import after, draw_times, launch_time, letter_times, weigh_quarter_hours
from ingest.demo.vocabulary import Audience, agents_of

ADDRESSES: Final = 2**22
_VISITORS_PER_CLICK: Final = 0.45
_LOYALTY: Final = 1.6  # above one, some visitors come more often than others


@dataclass(frozen=True, slots=True)
class Stage:
    """One handle on one span of time: what its people and its bots need to know."""

    number: int  # of the creator
    creator: Creator
    audience: Audience
    agents: Agents
    span: Span
    busy: Weights  # by quarter hour, without launch and letters
    launch_at: int | None
    letters_at: Rows

    @property
    def statuses(self) -> Rows:
        """The answer to each live link."""
        links = self.creator.live_links
        return np.array([REDIRECT_307 if link.status == 307 else REDIRECT for link in links], dtype=np.int64)

    @property
    def births(self) -> Rows:
        """When each live link is first shared: with its letter, or with its campaign."""
        begins = {one.campaign: self.span.at(one.begins) for one in self.creator.campaigns}
        births = np.array([begins.get(link.campaign, self.span.start) for link in self.creator.live_links])
        for place, link in enumerate(self.letter_links):
            births[link] = self.letters_at[place] if place < self.letters_at.size else self.span.end
        return births

    @property
    def letter_links(self) -> Rows:
        letters = self.creator.letters
        return self.links_of(letters.campaign) if letters else np.zeros(0, dtype=np.int64)

    def links_of(self, campaign: str) -> Rows:
        return np.flatnonzero([link.campaign == campaign for link in self.creator.live_links])


def set_stage(
    number: int, creator: Creator, audience: Audience, agents: Agents, *, span: Span, rng: np.random.Generator
) -> Stage:
    busy = weigh_quarter_hours(creator, span, rng)
    launch_at = launch_time(creator, creator.launch, span) if creator.launch else None
    letters = letter_times(creator, creator.letters, span) if creator.letters else np.zeros(0, dtype=np.int64)
    return Stage(number, creator, audience, agents, span, busy, launch_at, letters)


def people(stage: Stage, count: int, rng: np.random.Generator) -> pl.DataFrame:
    """`count` clicks of REQUESTS, in no order."""
    at, link = _clicks(stage, count, rng)
    who = (max(20, int(count * _VISITORS_PER_CLICK)) * rng.random(count) ** _LOYALTY).astype(np.int64)
    visitors = int(who.max(initial=0)) + 1
    channel = stage.audience.channel_chances.draw(rng, visitors)
    agent = np.zeros(visitors, dtype=np.int64)
    referrer, query = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    came_by = channel[who]
    for place, source in enumerate(stage.audience.channels):
        theirs, clicks = np.flatnonzero(channel == place), np.flatnonzero(came_by == place)
        agent[theirs] = agents_of(source, stage.agents.groups).draw(rng, theirs.size)
        referrer[clicks] = source.referrers.draw(rng, clicks.size)
        query[clicks] = source.queries.draw(rng, clicks.size)
    return requests(
        {
            "at": at,
            "creator": stage.number,
            "agent": agent[who],
            "country": stage.audience.countries.draw(rng, visitors)[who],
            "address": rng.integers(0, ADDRESSES, visitors)[who],
            "referrer": referrer,
            "query": query,
            "host": stage.audience.hosts.draw(rng, count),
            "path": np.asarray(stage.audience.paths)[link],
            "answer": stage.statuses[link],
        }
    )


def draw_links(stage: Stage, at: Rows, rng: np.random.Generator) -> Rows:
    """A long-tailed choice among the links that were there at each moment."""
    births = stage.births
    common = zipf(births.size)
    drawn = rng.choice(births.size, at.size, p=common)
    is_early = births[drawn] > at
    oldest = np.flatnonzero(births == births.min())
    drawn[is_early] = chances(oldest, common[oldest]).draw(rng, int(is_early.sum()))
    return drawn


def _clicks(stage: Stage, count: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """(when, which link): the launch, the letters, and every day."""
    launch, letters, span = stage.creator.launch, stage.creator.letters, stage.span
    times: list[Rows] = []
    links: list[Rows] = []
    rest = count
    if launch is not None and stage.launch_at is not None:
        fading = after(np.array([stage.launch_at]), stage.busy, span, launch.decay_hours)
        times.append(draw_times(rng, int(count * launch.share), fading, span))
        launched = stage.links_of(launch.campaign)
        links.append(chances(launched, zipf(launched.size)).draw(rng, times[-1].size))
        rest -= times[-1].size
    if letters is not None and stage.letters_at.size:
        fading = after(stage.letters_at, stage.busy, span, letters.decay_hours)
        times.append(draw_times(rng, int(count * letters.share), fading, span))
        sent = np.searchsorted(stage.letters_at, times[-1], side="right") - 1
        links.append(stage.letter_links[sent % stage.letter_links.size])
        rest -= times[-1].size
    times.append(draw_times(rng, rest, stage.busy, span))
    links.append(draw_links(stage, times[-1], rng))
    return np.concatenate(times), np.concatenate(links)
