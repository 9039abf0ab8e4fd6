"""The handles of the demo world: who they are, what they link to, and the accounts file that says so to the product."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from ingest.demo.agent_templates import DATA

_PLAN_AGE = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Link:
    slug: str
    title: str
    destination: str
    campaign: str  # empty: none
    status: int
    is_retired: bool = False


@dataclass(frozen=True, slots=True)
class Campaign:
    campaign: str
    name: str
    begins: float  # part of the period that has passed


@dataclass(frozen=True, slots=True)
class Letters:
    """A mailing every week: `share` of the handle's clicks follow it. `hour` is local; weekday 1 is Monday."""

    campaign: str
    weekday: int
    hour: float
    share: float
    decay_hours: float


@dataclass(frozen=True, slots=True)
class Launch:
    """One spike, on the first `weekday` once `at` of the period has passed."""

    campaign: str
    at: float
    weekday: int
    hour: float
    share: float
    decay_hours: float


@dataclass(frozen=True, slots=True)
class Creator:
    handle: str
    plan: str
    timezone: str
    domains: tuple[str, ...]
    share: float
    bots: float  # part of the clicks
    growth: float
    hours: tuple[float, ...]
    weekdays: tuple[float, ...]
    countries: Mapping[str, float]
    channels: Mapping[str, float]
    collaborators: tuple[tuple[str, str], ...]
    campaigns: tuple[Campaign, ...]
    links: tuple[Link, ...]  # the most clicked first, retired ones last
    letters: Letters | None
    launch: Launch | None

    @property
    def live_links(self) -> tuple[Link, ...]:
        return tuple(link for link in self.links if not link.is_retired)


@dataclass(frozen=True, slots=True)
class Strays:
    """Requests that are no clicks, and what they ask for."""

    missing_paths: tuple[str, ...]
    asset_paths: tuple[str, ...]
    invalid_paths: tuple[str, ...]
    unknown_hosts: tuple[str, ...]


@cache
def load_creators() -> tuple[Creator, ...]:
    return tuple(_creator(table) for table in _tables()["handle"])


@cache
def load_strays() -> Strays:
    return Strays(**{name: tuple(values) for name, values in _tables()["strays"].items()})


def accounts(creators: Sequence[Creator], start: datetime) -> dict[str, Any]:
    """What `clickledger accounts` reads."""
    return {"handles": [_account(creator, start - _PLAN_AGE) for creator in creators]}


def _tables() -> dict[str, Any]:
    return tomllib.loads((DATA / "handles.toml").read_text())


def _creator(table: dict[str, Any]) -> Creator:
    names = ("handle", "plan", "timezone", "share", "bots", "growth", "countries", "channels")
    rows = [(row, False) for row in table["links"]] + [(row, True) for row in table["retired"]]
    return Creator(
        **{name: table[name] for name in names},
        domains=tuple(table["domains"]),
        hours=tuple(table["hours"]),
        weekdays=tuple(table["weekdays"]),
        collaborators=tuple((user, role) for user, role in table["collaborators"]),
        campaigns=tuple(Campaign(*row) for row in table["campaigns"]),
        links=tuple(_link(row, table, is_retired) for row, is_retired in rows),
        letters=Letters(**table["letters"]) if "letters" in table else None,
        launch=Launch(**table["launch"]) if "launch" in table else None,
    )


def _link(row: Sequence[str], table: Mapping[str, Any], is_retired: bool) -> Link:
    slug, title, destination, campaign = row
    return Link(slug, title, destination, campaign, 307 if slug in table["redirect_307"] else 302, is_retired)


def _account(creator: Creator, since: datetime) -> dict[str, Any]:
    return {
        "handle": creator.handle,
        "plan": creator.plan,
        "planSince": since.strftime("%Y-%m-%dT00:00:00Z"),
        "domains": list(creator.domains),
        "timezone": creator.timezone,
        "collaborators": [{"userId": user, "role": role} for user, role in creator.collaborators],
        "campaigns": [{"campaignId": one.campaign, "name": one.name} for one in creator.campaigns],
        "links": [
            {
                "slug": link.slug,
                "destinationUrl": link.destination,
                "redirectStatus": link.status,
                "campaignId": link.campaign or None,
                "appendContextParam": bool(link.campaign),
                "enabled": not link.is_retired,
                "expiresAt": None,
                "title": link.title,
            }
            for link in creator.links
        ],
    }
