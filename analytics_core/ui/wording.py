"""Numbers, days and keys as a reader wants them: pure functions, no drawing."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files

from iso4217 import Currency

from analytics_core.app_sites import app_sites
from analytics_core.dimensions import DIMENSIONS
from analytics_core.host_names import shown_name
from analytics_core.model import NOT_TRACKED, OTHER, PENDING, Period

UNKNOWN_COUNTRY = "ZZ"

_LABELS = {word: one.value_labels for one in DIMENSIONS for word in (one.name, one.word)}
_OF_HOSTS = ("referrer", "referrerHost")
_SPECIAL = {NOT_TRACKED: "Not tracked", OTHER: "All others", PENDING: "Pending"}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_STEPS = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))


def exact(count: int) -> str:
    """1234567 → `1,234,567`."""
    return f"{count:,}"


def short(count: int) -> str:
    """Up to four characters of number: `987`, `1,234`, `12.3k`, `123k`, `4.5M`."""
    if abs(count) < 10_000:
        return exact(count)
    for step, letter in _STEPS:
        scaled = count / step
        if abs(scaled) >= 0.9995:
            return f"{scaled:.0f}{letter}" if abs(scaled) >= 99.95 else f"{scaled:.1f}{letter}"
    return exact(count)


def money(amount: Decimal, currency: str) -> str:
    """`1,234.50 USD`, `100 EUR`: every digit that the amount has, and the currency's decimals where there are any."""
    whole, _, rest = f"{amount:,f}".partition(".")
    rest = rest.rstrip("0")
    return f"{whole}.{rest.ljust(decimals([], currency), '0')} {currency}" if rest else f"{whole} {currency}"


def decimals(amounts: Iterable[Decimal], currency: str) -> int:
    """Digits after the point that show all of these amounts alike: the currency's usual, or all that are there."""
    usual = _minor_units().get(currency, 2)
    return max(usual, *(len(f"{amount:f}".partition(".")[2].rstrip("0")) for amount in amounts), 0)


@cache
def _minor_units() -> dict[str, int]:
    return {one.code: one.exponent or 0 for one in Currency}  # gold and the like have none


def moneys(amounts: Mapping[str, Decimal]) -> str:
    """Amounts of several currencies side by side: they are never added up."""
    return ", ".join(money(amount, code) for code, amount in amounts.items()) or "none"


def seconds(count: int) -> str:
    """`45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    for size, unit, smaller, part in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if count >= size:
            rest = count % size // smaller
            return f"{count // size} {unit} {rest} {part}" if rest else f"{count // size} {unit}"
    return f"{count} s"


def share(part: int, whole: int) -> str:
    """A part in per cent of the whole; `<0.1%` where it would read as nothing."""
    return percent(part / whole) if whole else "0%"


def percent(rate: float) -> str:
    """0.125 → `12.5%`; `<0.1%` where it would read as nothing, `×14` from tenfold on."""
    if rate >= 10:
        return f"×{rate:,.0f}"
    return "0%" if not rate else "<0.1%" if rate < 0.001 else f"{100 * rate:.1f}%"


def change(now: int | Decimal, before: int | Decimal) -> str:
    """How `now` differs from `before`: `+12.5%`, `-3.0%`, `×14` from tenfold on, `new`, `no change`."""
    if now == before:
        return "no change"
    if not before:
        return "new"
    if now >= 10 * before:
        return f"×{now / before:,.0f}"
    points = 100 * (now - before) / before
    return f"{points:+.1f}%" if abs(points) >= 0.05 else "no change"


def day(value: date) -> str:
    """`3 Feb 2026`."""
    return f"{value.day} {value:%b %Y}"


def days(period: Period) -> str:
    """`1 Feb – 28 Feb 2026`, the year only where it changes."""
    first, last = period.from_day, period.to_day
    if first == last:
        return day(first)
    start = f"{first.day} {first:%b}" if first.year == last.year else day(first)
    return f"{start} – {day(last)}"


def ago(then: datetime, now: datetime) -> str:
    """`just now`, `12 minutes ago`, `3 hours ago`, `5 days ago`."""
    passed = max(now - then, timedelta())
    if passed < timedelta(minutes=1):
        return "just now"
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        count = int(passed.total_seconds()) // size
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def key_name(dimension: str, key: str) -> str:
    """What a key of a breakdown is called: `DE` → `Germany`, `direct` → `Direct`, `20260203` → `3 Feb 2026`,
    `xn--strae-oqa.de` → `straße.de`, `com.linkedin.android` → `linkedin.com (app)`."""
    if named := _SPECIAL.get(key) or _LABELS.get(dimension, {}).get(key):
        return named
    if dimension == "country":
        return countries().get(key, key)
    if dimension in _OF_HOSTS:
        site = app_sites().get(key)
        return shown_name(key) if site is None else f"{shown_name(site)} (app)"
    return _TIME_NAMES[dimension](key) if dimension in _TIME_NAMES else key


def begin_of_key(key: str) -> datetime:
    """When clocks show the begin of a key of time: an hour, day, week or month."""
    if "-W" in key:
        year, week = key.split("-W")
        return datetime.combine(date.fromisocalendar(int(year), int(week), 1), time())
    return datetime(int(key[:4]), int(key[4:6]), int(key[6:8] or 1), int(key[9:11] or 0))  # noqa: DTZ001  (as clocks show)


def days_of_key(key: str) -> tuple[date, date]:
    """The first and the last day of a key of time."""
    first = begin_of_key(key).date()
    if "-W" in key:
        return first, first + timedelta(days=6)
    if len(key) == len("202602"):
        return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first, first


def _hour_name(key: str) -> str:
    return f"{day(begin_of_key(key).date())}, {key[9:11]}:00 ({key[11:14]}:{key[14:]})"


def _week_name(key: str) -> str:
    return f"Week {int(key[-2:])}, from {day(begin_of_key(key).date())}"


def _hour_of_week_name(key: str) -> str:
    number, hour = key.split("-")
    return f"{WEEKDAYS[int(number) - 1]}, {hour}:00"


_TIME_NAMES: dict[str, Callable[[str], str]] = {
    "hour": _hour_name,
    "day": lambda key: day(begin_of_key(key).date()),
    "week": _week_name,
    "month": lambda key: f"{begin_of_key(key):%B %Y}",
    "weekdayHour": _hour_of_week_name,
}


def plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]:$~<>#|&])", r"\\\1", text)


@cache
def countries() -> dict[str, str]:
    """ISO 3166-1 alpha-2 code → English name; from the public-domain table of the IANA time zone database."""
    text = files("analytics_core.ui").joinpath("countries.tsv").read_text(encoding="utf-8")
    return {row["code"]: row["name"] for row in csv.DictReader(text.splitlines(), delimiter="\t")}
