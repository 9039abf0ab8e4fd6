"""A world as of now for screens: `acme` (PRO) with twelve clicks, `zed` (FREE) with two, `quiet` with none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
from streamlit.testing.v1 import AppTest

from analytics_core.access import user_tokens
from analytics_core.model import PENDING
from analytics_core.slots import SLOT_SECONDS
from analytics_core.store import tables
from analytics_core.store.lake_tables import ATTRIBUTIONS
from support.logs import CHROME, GOOGLEBOT, Request, realtime_text, write
from support.world import ACCOUNTS, ROOT, World

OVERVIEW = "overview.py"
ZED = {**ACCOUNTS["handles"][1], "collaborators": [{"userId": "user_zoe", "role": "OWNER"}]}
QUIET = {
    "handle": "quiet",
    "plan": "PRO",
    "planSince": "2026-01-01T00:00:00Z",
    "collaborators": [{"userId": "user_ann", "role": "OWNER"}],
}


def load_today(world: World) -> None:
    """The accounts, as of now; nothing is synced yet."""
    world.now = datetime.now(UTC)
    world.load({"handles": [ACCOUNTS["handles"][0], ZED, QUIET]})


def sync_today(world: World) -> None:
    """`acme` yesterday: ten clicks on `launch` from DE, two by bots; two on `about` from AT, one by a bot."""
    yesterday = world.now - timedelta(days=1)
    lines = [
        *(
            Request(number, at=yesterday + timedelta(seconds=number), user_agent=GOOGLEBOT if number < 2 else CHROME)
            for number in range(10)
        ),
        Request(10, at=yesterday, path="/about", country="AT", user_agent=GOOGLEBOT),
        Request(11, at=yesterday, path="/about", country="AT"),
        Request(20, at=yesterday, host="zed.clickledger.localhost", country="-"),
        Request(21, at=yesterday, host="zed.clickledger.localhost", country="-"),
    ]
    world.sync(write(world.folder / "logs" / "one.log.gz", realtime_text(lines)).parent)


def follow_today(world: World) -> None:
    """What followed the clicks of `acme`: two purchases from DE after 30 and 90 seconds, in two currencies; one whose
    click is not in the logs yet; an impression. Seven posts in all."""
    at = world.now - timedelta(days=1)
    of_de = {
        "campaign_id": "spring-launch",
        "country": "DE",
        "device": "DESKTOP",
        "referrer": "direct",
        "segment": "new",
    }
    pending = dict.fromkeys(("campaign_id", "country", "device", "referrer", "referrer_host", "segment"), PENDING)
    conversion = {"slug": "launch", "event_type": "purchase", "conversions": 1, "impressions": 0}
    rows = [
        {**conversion, **of_de, "event_id": "1", "seconds": 30, "revenue": Decimal("99.99"), "currency": "USD"},
        {**conversion, **of_de, "event_id": "2", "seconds": 90, "revenue": Decimal(20), "currency": "EUR"},
        {**conversion, **pending, "event_id": "3", "seconds": 10, "revenue": Decimal(0)},
        {**of_de, "slug": "launch", "event_id": "4", "conversions": 0, "impressions": 1, "revenue": Decimal(0)},
    ]
    slot = int(at.timestamp()) // SLOT_SECONDS
    same = {
        "month": f"{at:%Y-%m}",
        "handle": "acme",
        "slot": slot,
        "click_slot": slot,
        "at": at,
        "learnt_at": world.now,
    }
    frame = pl.DataFrame([row | same for row in rows], schema=ATTRIBUTIONS.schema)
    world.lake.append(world.lake.open(ATTRIBUTIONS), ATTRIBUTIONS, frame)
    posts = {"accepted": 3, "duplicate": 2, "expired": 2}
    kept = [{"handle": "acme", "day": at.date(), "outcome": name, "posts": count} for name, count in posts.items()]
    with world.database.begin() as connection:
        connection.execute(tables.conversion_outcomes.insert(), kept)


def token(world: World, user_id: str, lifetime: timedelta = timedelta(hours=1)) -> str:
    return user_tokens.mint(world.settings, user_id, now=datetime.now(UTC), lifetime=lifetime)


def told(screen: AppTest) -> str:
    """All prose of a screen, problems included."""
    assert not screen.exception
    shown = [*screen.html, *screen.markdown, *screen.caption, *screen.info]
    return "\n".join(element.value for element in shown)


class Dashboard:
    """Opens pages at an address, as a user or as nobody."""

    def __init__(self, world: World) -> None:
        self.world = world

    def open(self, user_id: str | None = "user_ann", page: str = OVERVIEW, **address: str) -> AppTest:
        return self.open_with(token(self.world, user_id) if user_id else "", page, **address)

    def open_with(self, access_token: str, page: str = OVERVIEW, **address: str) -> AppTest:
        screen = AppTest.from_file(ROOT / "pages" / "dashboard.py", default_timeout=30)
        screen.session_state["token"] = access_token
        screen.run()
        if page != OVERVIEW:
            screen.switch_page(page)
        for name, value in address.items():
            screen.query_params[name] = value
        return screen.run()
