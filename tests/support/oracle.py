"""A second opinion on every breakdown: Polars over the facts alone, days by a reading of time zones of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl

from analytics_core.model import NOT_TRACKED, OTHER, Filter, Period, Query
from analytics_core.store.lake_tables import MONEY, UTC_MICROSECONDS
from support import after, tzif
from support.filled import Click, Conversion, Fact, Signal, click_frame, conversion_frame, signal_frame, world_of

Money = tuple[tuple[str, Decimal], ...]
Counts = tuple[int, int, int, int, Money]  # clicks, bot clicks, conversions, impressions, revenue by currency
Line = tuple[str, Counts, Counts | None]

TIMES = ("hour", "day", "week", "month", "weekdayHour")
NONE: Counts = (0, 0, 0, 0, ())

_SEEN = {
    "at": UTC_MICROSECONDS,
    "slug": pl.String,
    "campaign_id": pl.String,
    "country": pl.String,
    "device": pl.String,
    "referrer": pl.String,
    "referrer_host": pl.String,
    "segment": pl.String,
    "browser": pl.String,
    "os": pl.String,
    "trigger": pl.String,
    "utm_source": pl.String,
    "utm_medium": pl.String,
    "utm_campaign": pl.String,
    "bot_purpose": pl.String,
    "clicks": pl.Int64,
    "bots": pl.Int64,
    "conversions": pl.Int64,
    "impressions": pl.Int64,
    "revenue": MONEY,
    "currency": pl.String,
}


def answer(facts: Sequence[Fact], query: Query, now: datetime) -> list[Line]:
    """(key, counts, the same of the previous period or None), in order."""
    seen = _seen(facts, query)
    past = _so_far(seen, query, now)
    group_by = query.key_name
    current = _counts(seen, group_by, *_days(query.period))
    earlier = _earlier(query)
    if group_by in TIMES:
        keys = _keys(query, group_by, *_days(query.period))
        beside = _beside(past, query, *earlier) if earlier else {}
        lines = [(key, current.get(key, NONE), beside.get(key)) for key in keys]
        if query.sort == "desc":
            lines.reverse()
    else:
        previous = _counts(past, group_by, *earlier) if earlier else {}
        sign = 1 if query.sort == "asc" else -1
        found = sorted(current.keys() | previous.keys(), key=lambda key: (sign * current.get(key, NONE)[0], key))
        lines = [(key, current.get(key, NONE), previous.get(key, NONE) if earlier else None) for key in found]
    return _folded(lines, query.limit, compares=earlier is not None)


def _beside(seen: pl.DataFrame, query: Query, first: date, last: date) -> dict[str, Counts]:
    """Key of the range → what the earlier period has beside it. Each earlier day, or hour, is looked up on its own."""
    if query.key_name == "weekdayHour":
        found = _counts(seen, "weekdayHour", first, last)
        return {key: found.get(key, NONE) for key in _keys(query, "weekdayHour", first, last)}
    kind = "hour" if query.key_name == "hour" else "day"
    found = _counts(seen, kind, first, last)
    parts: dict[str, list[Counts]] = {}
    for key in _keys(query, kind, first, last):
        day = _day_beside(datetime.strptime(key[:8], "%Y%m%d").replace(tzinfo=UTC).date(), query, first)
        if day is not None:
            target = _hour_beside(key, query, day) if kind == "hour" else _keys(query, query.key_name, day, day)[0]
            if target is not None:
                parts.setdefault(target, []).append(found.get(key, NONE))
    return {key: _sum(counts) for key, counts in parts.items()}


def _day_beside(day: date, query: Query, first: date) -> date | None:
    """By the calendar for the year before, else by how many days after the first it is."""
    start, end = _days(query.period)
    days = [start + timedelta(days=ahead) for ahead in range((end - start).days + 1)]
    if query.compare == "previousYear" and not query.match_weekdays:
        names = [f"{day:%m%d}", "0228"] if f"{day:%m%d}" == "0229" else [f"{day:%m%d}"]
        of_name = [one for name in names for one in days if one.year == day.year + 1 and f"{one:%m%d}" == name]
        return of_name[0] if of_name else start  # the 28th beside a range that begins with the 29th
    ahead = (day - first).days
    return days[ahead] if ahead < len(days) else None


def _hour_beside(key: str, query: Query, day: date) -> str | None:
    """The hour with the same number on the clock of `day`; the next one where clocks skip it; of two the like one."""
    shown = _keys(query, "hour", day, day)
    earlier_day = datetime.strptime(key[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    alike = [one for one in _keys(query, "hour", earlier_day, earlier_day) if one[:11] == key[:11]]
    for hour in [*range(int(key[9:11]), 24), *range(int(key[9:11]) - 1, -1, -1)]:
        same = [one for one in shown if int(one[9:11]) == hour]
        if same:
            return same[-1] if len(same) <= alike.index(key) else same[alike.index(key)]
    return None


def previous_totals(facts: Sequence[Fact], query: Query, now: datetime) -> Counts | None:
    """Everything in the earlier period, whatever it is paired with."""
    earlier = _earlier(query)
    if earlier is None:
        return None
    return _sum(_counts(_so_far(_seen(facts, query), query, now), "handle", *earlier).values())


def _so_far(seen: pl.DataFrame, query: Query, now: datetime) -> pl.DataFrame:
    """What had happened on the last day to compare with by the minute that clocks show now, if the range goes on."""
    earlier = _earlier(query)
    now = query.as_of or now
    minute = _minutes(now.date(), query).filter(pl.col("at") <= now).tail(1)
    if earlier is None or minute["local_day"].item() != query.period.to_day:
        return seen
    shown = minute["clock"].item()
    around = _minutes(earlier[1], query)
    alike = around.filter((pl.col("local_day") == earlier[1]) & (pl.col("clock") == shown))["at"]
    if alike.len():
        until = alike[-1] if _is_second(minute, query) else alike[0]
    else:  # clocks skipped it: as far after the gap as it would have been
        before = around.filter(pl.col("local") < datetime.combine(earlier[1], shown)).tail(1)
        late = datetime.combine(earlier[1], shown) - before["local"].item()
        until = before["at"].item() + late
    return seen.filter((pl.col("local_day") != earlier[1]) | (pl.col("at") < until))


def _is_second(minute: pl.DataFrame, query: Query) -> bool:
    """Whether clocks show this minute for the second time on its day."""
    day, clock, at = minute["local_day"].item(), minute["clock"].item(), minute["at"].item()
    alike = _minutes(day, query).filter((pl.col("local_day") == day) & (pl.col("clock") == clock))
    return alike.height > 1 and alike["at"][-1] == at


def _minutes(day: date, query: Query) -> pl.DataFrame:
    """Every minute around a day: when it begins, and what clocks show then."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    at = pl.datetime_range(start - timedelta(days=2), start + timedelta(days=3), "1m", eager=True)
    times = _times(at.cast(UTC_MICROSECONDS).alias("at"), query.period.timezone)
    return times.select("local_day", "local", clock=pl.col("local").dt.time()).with_columns(
        at=at.cast(UTC_MICROSECONDS)
    )


def _earlier(query: Query) -> tuple[date, date] | None:
    """The first and the last day to compare with, by a search over days."""
    first, last = _days(query.period)
    match query.compare:
        case None:
            return None
        case "previous":
            start, end = first - (last - first) - timedelta(days=1), first - timedelta(days=1)
        case "previousYear":
            start, end = (day - timedelta(days=1) if day.day == 29 and day.month == 2 else day for day in (first, last))
            start, end = start.replace(year=start.year - 1), end.replace(year=end.year - 1)
        case given:
            start, end = _days(given)
    if query.match_weekdays:
        moves = [timedelta(days=move) for move in (0, 1, -1, 2, -2, 3, -3, -4, -5, -6)]
        start, end = next(
            (start + move, end + move)
            for move in moves
            if (start + move).weekday() == first.weekday() and not end < first <= end + move
        )
    return start, end


def _days(period: Period) -> tuple[date, date]:
    return period.from_day, period.to_day


def _keys(query: Query, key_name: str, first: date, last: date) -> tuple[str, ...]:
    """All keys of time between two days, in order: every one of their quarter hours is looked at."""
    days = [first + timedelta(days=ahead) for ahead in range((last - first).days + 1)]
    match key_name:
        case "weekdayHour":
            return tuple(f"{day}-{hour:02d}" for day in range(1, 8) for hour in range(24))
        case "hour":
            start, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (first, last))
            around = pl.datetime_range(start - timedelta(days=2), end + timedelta(days=3), "15m", eager=True)
            times = _times(around.cast(UTC_MICROSECONDS), query.period.timezone)
            within = times.filter(pl.col("local_day").is_between(first, last))
            return tuple(within["hour"].unique(maintain_order=True))
        case "week":
            return tuple(dict.fromkeys(f"{day:%G-W%V}" for day in days))
        case "month":
            return tuple(dict.fromkeys(f"{day:%Y%m}" for day in days))
        case _:
            return tuple(f"{day:%Y%m%d}" for day in days)


def known(facts: Sequence[Fact], query: Query) -> after.World:
    """The facts of the handle as they were known."""
    worlds = (
        click_frame([one for one in facts if isinstance(one, Click)]),
        conversion_frame([one for one in facts if isinstance(one, Conversion)]),
        signal_frame([one for one in facts if isinstance(one, Signal)]),
    )
    return world_of(*(_known(frame, query) for frame in worlds))


def _known(frame: pl.DataFrame, query: Query) -> pl.DataFrame:
    of_handle = frame.filter(pl.col("handle") == query.handle)
    return of_handle if query.as_of is None else of_handle.filter(pl.col("learnt_at") <= query.as_of)


def _seen(facts: Sequence[Fact], query: Query) -> pl.DataFrame:
    world = known(facts, query)
    segments = world.segments()
    clicks = [
        {
            **{name: click.get(name) for name in _SEEN},
            "segment": segments[click["handle"], click["event_id"]],
            "clicks": 1,
            "bots": int(_counts_as_a_bots(click)),
            "conversions": 0,
            "impressions": 0,
            "revenue": Decimal(0),
        }
        for click in world.judged
    ]
    clicked = {one["conversion_id"]: one["clicked_at"] for one in world.conversions} | {
        one["signal_id"]: one["clicked_at"] for one in world.signals
    }
    followed = [
        {
            **{name: row.get(name) for name in _SEEN},
            "at": (query.conversion_day == "click" and clicked[row["event_id"]]) or row["at"],
            "clicks": 0,
            "bots": 0,
        }
        for row in world.attributions()
        if row["conversions"] or query.shows_impressions
    ]
    seen = pl.DataFrame([*clicks, *followed], schema=_SEEN)
    named = seen.select(
        "slug",
        "segment",
        "clicks",
        "bots",
        "conversions",
        "impressions",
        "revenue",
        "currency",
        "at",
        *_times(seen["at"], query.period.timezone),
        pl.lit("").alias("handle"),
        country=pl.col("country").fill_null(NOT_TRACKED),
        referrer=pl.col("referrer").fill_null(NOT_TRACKED),
        referrerHost=pl.col("referrer_host").fill_null(pl.col("referrer")).fill_null(NOT_TRACKED),
        campaignId=pl.col("campaign_id").fill_null("(none)"),
        campaign=pl.col("campaign_id").fill_null("(none)"),
        device=pl.col("device").fill_null(NOT_TRACKED),
        browser=pl.col("browser").fill_null(NOT_TRACKED),
        os=pl.col("os").fill_null(NOT_TRACKED),
        trigger=pl.col("trigger").fill_null(NOT_TRACKED),
        utmSource=pl.col("utm_source").fill_null(NOT_TRACKED),
        utmMedium=pl.col("utm_medium").fill_null(NOT_TRACKED),
        utmCampaign=pl.col("utm_campaign").fill_null(NOT_TRACKED),
        botPurpose=pl.col("bot_purpose").fill_null(NOT_TRACKED),
    )
    named = named.with_columns(pl.col("slug").fill_null(NOT_TRACKED))
    for one in query.filters:
        named = named.filter(_matches(one))
    return named


def _counts_as_a_bots(click: after.RowOf) -> bool:
    """A bot's click, unless the handle counts what it comes for and no rule of its own names the click."""
    counted = (click["counted_purposes"] or "").split(" ")
    return click["is_bot"] and (click["own_rule"] is not None or click["bot_purpose"] not in counted)


def _times(at: pl.Series, timezone: str) -> pl.DataFrame:
    """The local day of moments, and their keys in every grouping by time."""
    offsets = pl.Series("offset", tzif.offsets(tzif.content(timezone)).at(at.dt.epoch("s").to_numpy()))
    local = (
        at.dt.replace_time_zone(None) + pl.Series(offsets.cast(pl.Int64) * 1_000_000).cast(pl.Duration("us"))
    ).alias("at")
    return pl.DataFrame([local, offsets]).select(
        local_day=pl.col("at").dt.date(),
        local=pl.col("at"),
        day=pl.col("at").dt.strftime("%Y%m%d"),
        week=pl.col("at").dt.strftime("%G-W%V"),
        month=pl.col("at").dt.strftime("%Y%m"),
        weekdayHour=pl.col("at").dt.strftime("%u-%H"),
        hour=pl.format(
            "{}{}{}{}",
            pl.col("at").dt.strftime("%Y%m%dT%H"),
            pl.when(pl.col("offset") < 0).then(pl.lit("-")).otherwise(pl.lit("+")),
            (pl.col("offset").abs() // 3600).cast(pl.String).str.zfill(2),
            (pl.col("offset").abs() % 3600 // 60).cast(pl.String).str.zfill(2),
        ),
    )


def _matches(one: Filter) -> pl.Expr:
    wanted = pl.col(one.dimension).is_in(list(one.values))
    return ~wanted if one.exclude else wanted


def _counts(seen: pl.DataFrame, group_by: str, from_day: date, to_day: date) -> dict[str, Counts]:
    here = seen.filter(pl.col("local_day").is_between(from_day, to_day))
    money: dict[str, list[tuple[str, Decimal]]] = {}
    amounts = here.filter(pl.col("currency").is_not_null()).group_by(group_by, "currency").agg(pl.col("revenue").sum())
    for key, currency, amount in amounts.sort("currency").iter_rows():
        if amount:
            money.setdefault(key, []).append((currency, amount))
    rows = here.group_by(group_by).agg(pl.col("clicks", "bots", "conversions", "impressions").sum())
    return {key: (*counts, tuple(money.get(key, ()))) for key, *counts in rows.iter_rows()}  # type: ignore[misc]


def _folded(lines: list[Line], limit: int, *, compares: bool) -> list[Line]:
    kept, rest = lines[:limit], lines[limit:]
    if not rest:
        return lines
    return [
        *kept,
        (OTHER, _sum(line[1] for line in rest), _sum(line[2] or NONE for line in rest) if compares else None),
    ]


def _sum(parts: Iterable[Counts]) -> Counts:
    totals, money = [0, 0, 0, 0], dict[str, Decimal]()
    for *counts, amounts in parts:
        totals = [one + two for one, two in zip(totals, counts, strict=True)]  # type: ignore[operator]
        for code, amount in amounts:  # type: ignore[union-attr]
            money[code] = money.get(code, Decimal(0)) + amount
    return (*totals, tuple(sorted(money.items())))  # type: ignore[return-value]
