"""A lake filled with chosen facts, without logs: for questions whose answer must follow from the facts alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from deltalake import Transaction

from analytics_core.access.policy import Policy
from analytics_core.engines.base import Engine
from analytics_core.engines.duckdb import DuckDBEngine
from analytics_core.service import Analytics
from analytics_core.store import tables
from analytics_core.store.accounts import Accounts
from analytics_core.store.database import Database
from analytics_core.store.lake import Lake
from analytics_core.store.schemas import CLICK_COUNTS, CLICKS, COVERAGE, USER_AGENTS, VERDICTS
from analytics_core.store.syncs import Syncs
from ingest.classify import LIST_VERSION
from ingest.derive import QUARTER_HOUR, count_clicks, cover, judge

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
LISTS = LIST_VERSION

# Agent → verdict of the lists in force. An older list took the phone for a bot: it must never be asked.
VERDICTS_IN_FORCE = {
    1: {"bot_rule": None, "device": "DESKTOP"},
    2: {"bot_rule": None, "device": "MOBILE"},
    3: {"bot_rule": "isbot", "device": "BOT"},
    4: {"bot_rule": None, "device": "UNKNOWN"},
}
OLDER_VERDICTS = {2: {"bot_rule": "mistaken", "device": "BOT"}}


@dataclass(frozen=True)
class Click:
    """A fact, in the words of the lake. `agent` is one of VERDICTS_IN_FORCE, or None for a log without agents."""

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


def click_frame(clicks: Sequence[Click]) -> pl.DataFrame:
    """CLICKS rows; event ids count up in the order given."""
    rows = [
        {
            **{name: value for name, value in asdict(click).items() if name != "agent"},
            "day": click.at.astimezone(UTC).date(),
            "event_id": number,
            "user_agent_id": click.agent,
            "visitor": 7,
            "source": "here",
            "batch": 1,
        }
        for number, click in enumerate(clicks, 1)
    ]
    return pl.DataFrame(rows, schema=CLICKS.schema)


def verdict_frame(list_version: str, verdicts: dict[int, dict[str, str | None]]) -> pl.DataFrame:
    rows = [
        {"list_version": list_version, "user_agent_id": agent, "bot_name": None, "bot_category": None, **verdict}
        for agent, verdict in verdicts.items()
    ]
    return pl.DataFrame(rows, schema=VERDICTS.schema)


def fill(lake: Lake, batches: Iterable[Sequence[Click]]) -> None:
    """Commits each batch as ingest does: clicks, then the roll-ups that follow from them."""
    for list_version, verdicts in (("an older one", OLDER_VERDICTS), (LISTS, VERDICTS_IN_FORCE)):
        lake.append(lake.open(VERDICTS), VERDICTS, verdict_frame(list_version, verdicts))
    agents = pl.DataFrame({"user_agent_id": list(VERDICTS_IN_FORCE)}).with_columns(
        user_agent=pl.lit("agent"), learnt_at=pl.lit(NOW)
    )
    lake.append(lake.open(USER_AGENTS), USER_AGENTS, agents)
    for batch in batches:
        add_batch(lake, batch)


def add_batch(lake: Lake, batch: Sequence[Click]) -> None:
    clicks = click_frame(batch)
    version = lake.append(lake.open(CLICKS), CLICKS, clicks)
    counts = count_clicks(
        judge(clicks.lazy(), verdict_frame(LISTS, VERDICTS_IN_FORCE).lazy()).with_columns(segment=pl.lit("new"))
    )
    lake.append(lake.open(COVERAGE), COVERAGE, cover(counts.filter(pl.col("grain") == QUARTER_HOUR)))
    lake.append(
        lake.open(CLICK_COUNTS),
        CLICK_COUNTS,
        counts,
        transactions=[Transaction(CLICKS.name, version)],
        metadata={"list_version": LISTS},
    )


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

    def at(self, now: datetime, engine: Engine) -> Filled:
        """The same with another clock."""
        return replace(self, analytics=open_analytics(self.lake, self.database, engine, now))


def open_analytics(lake: Lake, database: Database, engine: Engine, now: datetime = NOW) -> Analytics:
    return Analytics(
        lake=lake,
        engine=engine,
        policy=Policy(Accounts(database)),
        syncs=Syncs(database),
        sla_minutes=60,
        clock=lambda: now,
    )


def open_engine(seconds: float = 30) -> DuckDBEngine:
    return DuckDBEngine(memory_megabytes=512, seconds=seconds)


def filled(folder: Path, engine: Engine, *batches: Sequence[Click]) -> Filled:
    database = Database(f"sqlite:///{folder / 'clickledger.sqlite'}")
    accounts_in(database)
    lake = Lake(str(folder / "lake"))
    fill(lake, batches)
    return Filled(lake, database, open_analytics(lake, database, engine))
