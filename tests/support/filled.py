"""A lake filled with chosen facts, without logs: for questions whose answer must follow from the facts alone."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from analytics_core.access.policy import Policy
from analytics_core.engines.duckdb import DuckDBEngine
from analytics_core.engines.engine import Engine
from analytics_core.model import INTENT, PERSON, SegmentRules
from analytics_core.service import Analytics
from analytics_core.store import tables
from analytics_core.store.account_lookup import Accounts
from analytics_core.store.database import Database
from analytics_core.store.horizon import Horizon
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import (
    ATTRIBUTIONS,
    CLICK_COUNTS,
    CLICKS,
    CONVERSIONS,
    COVERAGE,
    SIGNALS,
    USER_AGENTS,
    VERDICTS,
    TableSpec,
)
from analytics_core.store.outcomes import Outcomes
from analytics_core.store.syncs import Syncs
from ingest.classify import LIST_VERSION
from ingest.clicks.user_agents import UserAgents
from ingest.rollups.catch_up import Versions, derived_by
from ingest.rollups.click_counts import count_clicks, cover, judge
from support import after

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
LISTS = LIST_VERSION

# Agent → verdict of the lists in force. An older list took the phone for a bot: it must never be asked.
VERDICTS_IN_FORCE = {
    1: {"bot_rule": None, "device": "DESKTOP", "browser": "Chrome", "os": "Windows", "bot_purpose": PERSON},
    2: {"bot_rule": None, "device": "MOBILE", "browser": "Safari", "os": "iOS", "bot_purpose": PERSON},
    3: {"bot_rule": "isbot", "device": "BOT", "browser": "(bot)", "os": "(bot)", "bot_purpose": "search"},
    4: {"bot_rule": None, "device": "UNKNOWN", "browser": "unknown", "os": "Linux", "bot_purpose": PERSON},
}
OLDER_VERDICTS = {
    2: {"bot_rule": "mistaken", "device": "BOT", "browser": "(bot)", "os": "(bot)", "bot_purpose": "other"}
}


@dataclass(frozen=True)
class Click:
    """A fact, in the words of the lake. `agent` is one of VERDICTS_IN_FORCE, or None for a log without agents.

    `number` is its event id; without one it gets the next free one above 1,000.
    """

    at: datetime
    slug: str = "launch"
    country: str | None = "DE"
    referrer: str | None = "direct"
    referrer_host: str | None = None
    agent: int | None = 1
    method: str = "GET"
    campaign_id: str | None = None
    handle: str = "acme"
    status: int = 302
    learnt_at: datetime = NOW
    visitor: int | None = 7
    number: int | None = None
    trigger: str | None = "link"
    utm_source: str | None = "(none)"
    utm_medium: str | None = "(none)"
    utm_campaign: str | None = "(none)"
    purpose: str | None = None
    network: str | None = "none"
    network_purpose: str | None = "none"
    claimed: str | None = "none"
    asn_owner: str | None = "none"
    asn_kind: str | None = "none"
    own_rule: str | None = None
    own_rule_purpose: str | None = None
    counted_purposes: str | None = None


@dataclass(frozen=True)
class Conversion:
    """A fact. `click` is the number of its click, whose log line may or may not be there."""

    at: datetime
    click: int
    clicked_at: datetime
    value: Decimal = Decimal(0)
    currency: str | None = None
    slug: str = "launch"
    event_type: str = "purchase"
    handle: str = "acme"
    learnt_at: datetime = NOW


@dataclass(frozen=True)
class Signal:
    """A fact; without a ctx it names no click."""

    at: datetime
    click: int | None = None
    clicked_at: datetime | None = None
    slug: str | None = None
    signal_key: str = INTENT
    confidence: float = 1.0
    handle: str = "acme"
    learnt_at: datetime = NOW


Fact = Click | Conversion | Signal


def click_frame(clicks: Sequence[Click], after: int = 0) -> pl.DataFrame:
    """CLICKS rows; those without a number of their own count up from 1,001 + `after` in the order given."""
    rows = [
        {
            **{name: value for name, value in asdict(click).items() if name not in ("agent", "number")},
            "day": click.at.astimezone(UTC).date(),
            "event_id": 1_000 + after + place if click.number is None else click.number,
            "user_agent_id": click.agent,
            "source": "here",
            "batch": 1,
        }
        for place, click in enumerate(clicks, 1)
    ]
    return pl.DataFrame(rows, schema=CLICKS.schema)


def conversion_frame(conversions: Sequence[Conversion], after: int = 0) -> pl.DataFrame:
    rows = [
        {
            **{name: value for name, value in asdict(one).items() if name != "click"},
            "day": one.at.astimezone(UTC).date(),
            "conversion_id": f"conversion-{after + place}",
            "click_event_id": one.click,
            "consent": "full",
        }
        for place, one in enumerate(conversions, 1)
    ]
    return pl.DataFrame(rows, schema=CONVERSIONS.schema)


def signal_frame(signals: Sequence[Signal], after: int = 0) -> pl.DataFrame:
    rows = [
        {
            **{name: value for name, value in asdict(one).items() if name != "click"},
            "day": one.at.astimezone(UTC).date(),
            "signal_id": f"signal-{after + place}",
            "session_id": "session",
            "click_event_id": one.click,
            "consent": None if one.click is None else "full",
            "signal_value": "",
        }
        for place, one in enumerate(signals, 1)
    ]
    return pl.DataFrame(rows, schema=SIGNALS.schema)


def verdict_frame(list_version: str, verdicts: dict[int, dict[str, str | None]]) -> pl.DataFrame:
    rows = [
        {"list_version": list_version, "user_agent_id": agent, "bot_name": None, "bot_category": None, **verdict}
        for agent, verdict in verdicts.items()
    ]
    return pl.DataFrame(rows, schema=VERDICTS.schema)


def fill(lake: Lake, batches: Iterable[Sequence[Fact]]) -> None:
    """Commits each batch as ingest does: facts, then the roll-ups that follow from them."""
    for list_version, verdicts in (("an older one", OLDER_VERDICTS), (LISTS, VERDICTS_IN_FORCE)):
        lake.append(lake.open(VERDICTS), VERDICTS, verdict_frame(list_version, verdicts))
    agents = pl.DataFrame({"user_agent_id": list(VERDICTS_IN_FORCE)}).with_columns(
        user_agent=pl.lit("agent"), learnt_at=pl.lit(NOW)
    )
    lake.append(lake.open(USER_AGENTS), USER_AGENTS, agents)
    for batch in batches:
        add_batch(lake, batch)


def add_batch(lake: Lake, batch: Sequence[Fact]) -> None:
    """Facts of one sync, and what changes by them: clicks that are counted, and those that move to another segment."""
    known = [_rows(lake, spec) for spec in (CLICKS, CONVERSIONS, SIGNALS)]
    heights = [frame.height for frame in known]
    new = [
        click_frame([one for one in batch if isinstance(one, Click)], heights[0]),
        conversion_frame([one for one in batch if isinstance(one, Conversion)], heights[1]),
        signal_frame([one for one in batch if isinstance(one, Signal)], heights[2]),
    ]
    before = world_of(*known)
    now = world_of(*(pl.concat([old, rows]) for old, rows in zip(known, new, strict=True)))
    for spec, rows in zip((CLICKS, CONVERSIONS, SIGNALS), new, strict=True):
        if rows.height:
            lake.append(lake.open(spec), spec, rows)
    held = Versions(*(lake.open(spec).version() for spec in (CLICKS, CONVERSIONS, SIGNALS)))
    _count(lake, before, now, held)
    learnt_at = max((one.learnt_at for one in batch), default=NOW)
    rows = [{**row, "learnt_at": learnt_at} for row in after.moved(before.attributions(), now.attributions())]
    if rows:
        attributions = pl.DataFrame(rows, schema=ATTRIBUTIONS.schema)
        lake.append(lake.open(ATTRIBUTIONS), ATTRIBUTIONS, attributions, transactions=held.transactions())


def world_of(clicks: pl.DataFrame, conversions: pl.DataFrame, signals: pl.DataFrame) -> after.World:
    return after.World(_judged(clicks).to_dicts(), conversions.to_dicts(), signals.to_dicts())


def _count(lake: Lake, before: after.World, now: after.World, held: Versions) -> None:
    old, new = before.segments(), now.segments()
    left = [one for one in before.judged if old[_identity(one)] != new[_identity(one)]]
    came = [one for one in now.judged if old.get(_identity(one)) != new[_identity(one)]]
    taken_back = _counts(left, old).with_columns(-pl.col("clicks"), -pl.col("bot_clicks"))
    counts = pl.concat([_counts(came, new), taken_back])
    lake.append(lake.open(COVERAGE), COVERAGE, cover(counts))
    lake.append(
        lake.open(CLICK_COUNTS),
        CLICK_COUNTS,
        counts,
        transactions=held.transactions(),
        metadata=derived_by(LIST_VERSION, SegmentRules()),
    )


def _counts(clicks: Sequence[after.RowOf], segments: dict[tuple[str, int], str]) -> pl.DataFrame:
    if not clicks:
        return pl.DataFrame(schema=CLICK_COUNTS.schema)
    schema = _judged(click_frame([])).schema
    rows = pl.DataFrame(clicks, schema=schema).with_columns(
        segment=pl.Series([segments[_identity(one)] for one in clicks], dtype=pl.String)
    )
    return count_clicks(rows.lazy())


def _judged(clicks: pl.DataFrame) -> pl.DataFrame:
    judged = judge(clicks.lazy(), verdict_frame(LISTS, VERDICTS_IN_FORCE).lazy())
    return judged.with_columns(is_bot=pl.col("bot_rule").is_not_null()).collect()


def _identity(row: Any) -> tuple[str, int]:
    return row["handle"], row["event_id"]


def _rows(lake: Lake, spec: TableSpec) -> pl.DataFrame:
    return lake.scan(lake.open(spec), spec).collect()


def accounts_in(database: Database) -> None:
    """`acme` (PRO; ann owns it, bob is a creator), `big` (ENTERPRISE; ann), `zed` (FREE; bob)."""
    plans = {"acme": "PRO", "big": "ENTERPRISE", "zed": "FREE"}
    roles = [("acme", "ann", "OWNER"), ("acme", "bob", "CREATOR"), ("big", "ann", "OPERATOR"), ("zed", "bob", "OWNER")]
    with database.begin() as connection:
        for handle, plan in plans.items():
            row = {"handle": handle, "plan": plan, "plan_since": NOW, "timezone": "UTC"}
            connection.execute(tables.handles.insert().values(row))
        for handle, user, role in roles:
            row = {"handle": handle, "user_id": user, "role": role}
            connection.execute(tables.collaborators.insert().values(row))


@dataclass(frozen=True)
class Filled:
    """A folder with a database of three handles, a lake, and what answers from both."""

    lake: Lake
    database: Database
    analytics: Analytics

    @property
    def agents(self) -> UserAgents:
        return UserAgents(self.lake, LISTS)

    def at(self, now: datetime, engine: Engine) -> Filled:
        """The same with another clock."""
        return replace(self, analytics=open_analytics(self.lake, self.database, engine, now))


def open_analytics(lake: Lake, database: Database, engine: Engine, now: datetime = NOW) -> Analytics:
    return Analytics(
        lake=lake,
        engine=engine,
        policy=Policy(Accounts(database)),
        syncs=Syncs(database),
        outcomes=Outcomes(database),
        horizon=Horizon(database),
        sla_minutes=60,
        ctx_ttl=timedelta(minutes=15),
        segment_rules=SegmentRules(),
        clock=lambda: now,
    )


def open_engine(seconds: float = 30) -> DuckDBEngine:
    return DuckDBEngine(memory_megabytes=512, seconds=seconds)


@cache
def _without_facts() -> Path:
    """A folder with accounts and a lake without facts, to be copied: to make it takes longer than most questions."""
    folder = Path(tempfile.mkdtemp(prefix="clickledger-filled-"))
    atexit.register(shutil.rmtree, folder)
    database = Database(f"sqlite:///{folder / 'clickledger.sqlite'}")
    accounts_in(database)
    database.engine.dispose()
    lake = Lake(str(folder / "lake"))
    fill(lake, [])
    for spec in (CLICKS, CONVERSIONS, SIGNALS, CLICK_COUNTS, COVERAGE, ATTRIBUTIONS):
        lake.open(spec)
    return folder


def filled(folder: Path, engine: Engine, *batches: Sequence[Fact]) -> Filled:
    shutil.copytree(_without_facts(), folder, dirs_exist_ok=True)
    database, lake = Database(f"sqlite:///{folder / 'clickledger.sqlite'}"), Lake(str(folder / "lake"))
    for batch in batches:
        add_batch(lake, batch)
    return Filled(lake, database, open_analytics(lake, database, engine))
