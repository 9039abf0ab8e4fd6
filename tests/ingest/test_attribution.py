"""Whatever order clicks, conversions and signals come in, and however often: the same segments and attributions."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import hypothesis.strategies as st
import polars as pl
from hypothesis import HealthCheck, given, settings
from support.examples import examples
from support.logs import CHROME, GOOGLEBOT, IPHONE, START, Request, realtime_text, write
from support.world import World

from analytics_core.model import SegmentRules
from analytics_core.slots import SLOT_SECONDS
from analytics_core.store import conversion_ledger as conversions_table
from analytics_core.store import signal_table as signals_table
from analytics_core.store.conversion_ledger import Conversion, Post
from analytics_core.store.database import Database
from analytics_core.store.lake_tables import ATTRIBUTIONS
from analytics_core.store.signal_table import Signal
from ingest.rollups.attribution_rows import in_force
from ingest.verification import verify

RULES = SegmentRules()
AGENTS = {CHROME: "DESKTOP", IPHONE: "MOBILE", GOOGLEBOT: "BOT"}
CLOCKS = [timedelta(hours=hours) for hours in (-24 * 40, -24 * 3, -25, -1, 1, 25, 24 * 3, 24 * 40)]
DAYS = st.sampled_from([0, 0, 0, 1, 6, 7, 8, 29, 30, 31, 200, 364, 366])


@dataclass(frozen=True)
class Clicked:
    """A click, by whom and when; `number` names its request."""

    number: int
    at: datetime
    host: str
    address: str
    agent: str
    method: str

    @property
    def handle(self) -> str:
        return self.host.split(".")[0]

    @property
    def visitor(self) -> tuple[str, str, str] | None:
        is_bot = self.agent == GOOGLEBOT or self.method == "HEAD"
        return None if is_bot else (self.handle, self.address, self.agent)

    @property
    def request(self) -> Request:
        return Request(self.number, self.at, self.host, user_agent=self.agent, address=self.address, method=self.method)


@dataclass(frozen=True)
class Followed:
    """A conversion (without `confidence`) or an intent signal, after the click of that number."""

    name: str
    click: Clicked
    at: datetime
    value_e4: int = 0
    currency: str | None = None
    consent: str = "full"
    confidence: float | None = None
    off: timedelta = timedelta()  # of the clock that minted the ctx

    @property
    def clicked_at(self) -> datetime:
        """As the ctx says."""
        return self.click.at + self.off

    @property
    def names_its_click(self) -> bool:
        return abs((self.clicked_at.date() - self.click.at.date()).days) <= 1


@dataclass(frozen=True)
class Told:
    """One history, and in which sync each part of it arrives; a click that never does has none."""

    clicks: tuple[tuple[Clicked, int | None], ...]
    events: tuple[tuple[Followed, int], ...]
    syncs: int


@st.composite
def histories(draw: st.DrawFn) -> Told:
    syncs = draw(st.integers(1, 4))
    clicks = [
        Clicked(
            number,
            START + timedelta(days=draw(DAYS), seconds=draw(st.sampled_from([0, 0, 1, 600, 50_000]))),
            draw(st.sampled_from(["acme", "zed"])) + ".clickledger.localhost",
            draw(st.sampled_from(["203.0.113.7", "203.0.113.8"])),
            draw(st.sampled_from([CHROME, CHROME, IPHONE, GOOGLEBOT])),
            draw(st.sampled_from(["GET", "GET", "GET", "HEAD"])),
        )
        for number in range(draw(st.integers(1, 14)))
    ]
    events: list[Followed] = []
    for number in range(draw(st.integers(0, 10))):
        click = draw(st.sampled_from(clicks))
        at = click.at + timedelta(seconds=draw(st.sampled_from([0, 30, 900])))
        off = draw(st.one_of(st.just(timedelta()), st.sampled_from(CLOCKS)))
        if draw(st.booleans()):
            value = draw(st.sampled_from([0, 1, 99_9900, 10**16]))
            consent = draw(st.sampled_from(["full", "full", "basic", "denied"]))
            events.append(Followed(f"c{number}", click, at, value, "USD" if value else None, consent, off=off))
        else:
            confidence = draw(st.sampled_from([0.49, 0.5, 1.0]))
            events.append(Followed(f"s{number}", click, at, confidence=confidence, off=off))
    arrives = st.integers(0, syncs - 1)
    return Told(
        tuple((click, draw(st.one_of(arrives, arrives, arrives, st.none()))) for click in clicks),
        tuple((event, draw(arrives)) for event in events),
        syncs,
    )


def world_at(folder: Path) -> World:
    world = World(folder, now=START + timedelta(days=400))
    world.load()
    return world


def deliver(database: Database, event: Followed) -> None:
    """As the door leaves it in the database."""
    with database.begin() as connection:
        if event.confidence is None:
            row = Conversion(
                conversion_id=event.name,
                handle=event.click.handle,
                idempotency_key=event.name,
                content="",
                slug="launch",
                click_id=event.click.request.id,
                clicked_at=event.clicked_at,
                session_id=None,
                position=None,
                consent=event.consent,
                event_type="conversion",
                value_e4=event.value_e4,
                currency=event.currency,
                at=event.at,
            )
            conversions_table.record(connection, [Post(row)])
        else:
            signal = Signal(
                signal_id=event.name,
                handle=event.click.handle,
                session_id=f"sig_{event.click.handle}_1_a",
                slug="launch",
                click_id=event.click.request.id,
                clicked_at=event.clicked_at,
                consent="full",
                signal_key="intent",
                signal_value="",
                confidence=event.confidence,
                source=None,
                metadata=None,
                at=event.at,
            )
            signals_table.record(connection, [signal])


def segment(click: Clicked, clicks: list[Clicked], events: list[Followed]) -> str:
    """The contract's words, one after the other."""
    visitor = click.visitor
    if visitor is None:
        return "unknown"

    def happened(at: datetime, days: int) -> bool:
        return at < click.at and click.at - at <= timedelta(days=days)

    known = [one for one in events if one.click in clicks and one.names_its_click]
    own = [one for one in known if one.click.visitor == visitor and one.consent != "denied"]
    conversions = [one.at for one in own if one.confidence is None]
    intents = [one.at for one in own if one.confidence is not None and one.confidence >= RULES.engaged_confidence]
    past = [one.at for one in clicks if one.visitor == visitor]
    if sum(happened(at, RULES.vip_days) for at in conversions) >= RULES.vip_conversions:
        return "vip"
    if any(happened(at, RULES.customer_days) for at in conversions):
        return "customer"
    if any(happened(at, RULES.engaged_days) for at in intents):
        return "engaged_prospect"
    if sum(happened(at, RULES.engaged_days) for at in past) >= RULES.engaged_clicks:
        return "engaged_prospect"
    return "returning" if any(happened(at, RULES.returning_days) for at in past) else "new"


def slot(at: datetime) -> int:
    return int(at.timestamp()) // SLOT_SECONDS


def counted(told: Told) -> Counter[tuple[object, ...]]:
    clicks = [click for click, sync in told.clicks if sync is not None]
    events = [event for event, _ in told.events]
    found: Counter[tuple[object, ...]] = Counter()
    for click in clicks:
        device = "BOT" if click.visitor is None else AGENTS[click.agent]
        found[click.handle, slot(click.at), device, segment(click, clicks, events), click.visitor is None] += 1
    return found


def attributed(told: Told) -> set[tuple[object, ...]]:
    clicks = [click for click, sync in told.clicks if sync is not None]
    events = [event for event, _ in told.events]
    rows: set[tuple[object, ...]] = set()
    for one in events:
        money = Decimal(one.value_e4) / 10_000
        device, name = "(pending)", "(pending)"
        if one.click in clicks and one.names_its_click:
            device = "BOT" if one.click.visitor is None else AGENTS[one.click.agent]
            name = segment(one.click, clicks, events)
        rows.add((one.name, one.click.handle, slot(one.at), slot(one.clicked_at), device, name, money, one.currency))
    return rows


def counts_of(world: World) -> Counter[tuple[object, ...]]:
    rows = world.counts().filter(pl.col("grain") == "quarter_hour")
    found: Counter[tuple[object, ...]] = Counter()
    for handle, at, device, name, clicks, bots in rows.select(
        "handle", "slot", "device", "segment", "clicks", "bot_clicks"
    ).iter_rows():
        found[handle, at, device, name, bots != 0] += clicks
    return Counter({key: count for key, count in found.items() if count})


def attributions_of(world: World) -> set[tuple[object, ...]]:
    lake = world.lake
    rows = in_force(lake.scan(lake.open(ATTRIBUTIONS), ATTRIBUTIONS))
    assert rows["event_id"].is_unique().all()
    names = ("event_id", "handle", "slot", "click_slot", "device", "segment", "revenue", "currency")
    return set(rows.select(names).iter_rows())


@given(told=histories())
@settings(
    max_examples=examples(8),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_any_interleaving_ends_in_the_same_segments_and_attributions(told: Told) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = world_at(Path(folder))
        database = world.database
        for sync in range(told.syncs):
            for event, when in told.events:
                if when == sync:
                    deliver(database, event)
                    if event.confidence is None:
                        deliver(database, event)  # a replay of its key
            lines = [click.request for click, when in told.clicks if when == sync]
            repeated = [click.request for click, when in told.clicks if when is not None and when < sync][:3]
            log = write(Path(folder) / f"{sync}.gz", realtime_text([*repeated, *lines]))
            world.sync(log)

        assert counts_of(world) == counted(told)
        assert attributions_of(world) == attributed(told)
        checks = {one.name: one.holds for one in verify(world.lake, database, world.agents, RULES)}
        assert checks == dict.fromkeys(checks, True)


def test_a_conversion_that_comes_alone_moves_the_clicks_after_it(world: World, tmp_path: Path) -> None:
    first, second, third = (
        Clicked(number, START + timedelta(hours=number), "acme.clickledger.localhost", "203.0.113.7", CHROME, "GET")
        for number in range(3)
    )
    log = write(tmp_path / "a.gz", realtime_text(click.request for click in (first, second, third)))
    for number, click in enumerate((third, first)):
        deliver(world.database, Followed(f"c{number}", click, click.at + timedelta(minutes=1), 5_000, "EUR"))
        world.sync(log)  # the second one reads no line

    segments = {(at, name) for _, at, _, name, _ in counts_of(world)}
    assert segments == {(slot(first.at), "new"), (slot(second.at), "customer"), (slot(third.at), "customer")}
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_what_was_derived_step_by_step_is_what_verify_derives_at_once(world: World, tmp_path: Path) -> None:
    clicks = [
        Clicked(number, START + timedelta(hours=number), "acme.clickledger.localhost", "203.0.113.7", CHROME, "GET")
        for number in range(8)
    ]
    for sync, number in enumerate((5, 2, 7, 0, 1, 3)):
        deliver(
            world.database,
            Followed(f"c{number}", clicks[number], clicks[number].at + timedelta(minutes=1), 5_000, "EUR"),
        )
        world.sync(write(tmp_path / f"{sync}.gz", realtime_text([clicks[number].request])))

    checks = {check["name"]: check["holds"] for check in world.run_json("verify", "--json")}

    assert set(checks) == {"identity", "batches", "unique", "verdicts", "rollups", "attributions"}
    assert all(checks.values())


def test_other_segment_rules_are_applied_to_what_was_counted_before(tmp_path: Path) -> None:
    world = world_at(tmp_path)
    clicks = [
        Clicked(number, START + timedelta(days=20 * number), "acme.clickledger.localhost", "203.0.113.7", CHROME, "GET")
        for number in range(3)
    ]
    log = write(tmp_path / "a.gz", realtime_text(click.request for click in clicks))
    world.sync(log)
    before = {row[3] for row in counts_of(world)}
    world.environment = {"CLICKLEDGER_SEGMENT_RETURNING_DAYS": "10"}

    world.sync(log)

    assert (before, {row[3] for row in counts_of(world)}) == ({"new", "returning"}, {"new"})
