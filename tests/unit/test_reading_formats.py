"""Numbers, changes and keys as a reader sees them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from analytics_core.model import NOT_TRACKED, OTHER, Period
from analytics_core.ui import wording


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (987, "987"),
        (9_999, "9,999"),
        (10_000, "10.0k"),
        (12_345, "12.3k"),
        (99_949, "99.9k"),
        (99_950, "100k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (1_234_567, "1.2M"),
        (4_560_000_000, "4.6B"),
    ],
)
def test_short_numbers_have_at_most_five_characters(count: int, text: str) -> None:
    assert wording.short(count) == text


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        (0, 0, "no change"),
        (5, 0, "new"),
        (0, 5, "-100.0%"),
        (112, 100, "+12.0%"),
        (10_001, 10_000, "no change"),
        (1_400, 100, "×14"),
    ],
)
def test_changes_read_as_a_person_would_say_them(now: int, before: int, text: str) -> None:
    assert wording.change(now, before) == text


@pytest.mark.parametrize(
    ("dimension", "key", "name"),
    [
        ("country", "DE", "Germany"),
        ("country", "ZZ", "Unknown country"),
        ("country", "X9", "X9"),
        ("country", NOT_TRACKED, "Not tracked"),
        ("referrer", "direct", "Direct"),
        ("referrerHost", "com.linkedin.android", "linkedin.com (app)"),
        ("referrerHost", "com.example.unheard", "com.example.unheard"),
        ("device", "MOBILE", "Mobile"),
        ("day", "20260203", "3 Feb 2026"),
        ("slug", "direct", "direct"),
        ("slug", OTHER, "All others"),
        ("segment", "engaged_prospect", "Engaged prospect"),
        ("country", "(pending)", "Pending"),
    ],
)
def test_keys_have_names(dimension: str, key: str, name: str) -> None:
    assert wording.key_name(dimension, key) == name


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (date(2026, 2, 1), date(2026, 2, 28), "1 Feb – 28 Feb 2026"),
        (date(2025, 12, 31), date(2026, 1, 2), "31 Dec 2025 – 2 Jan 2026"),
        (date(2026, 2, 1), date(2026, 2, 1), "1 Feb 2026"),
    ],
)
def test_periods_name_the_year_where_it_changes(first: date, last: date, text: str) -> None:
    assert wording.days(Period(first, last)) == text


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=3), "3 hours ago"),
        (timedelta(days=5), "5 days ago"),
    ],
)
def test_times_are_told_from_now(passed: timedelta, text: str) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert wording.ago(now - passed, now) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(0, 10, "0%"), (1, 10_000, "<0.1%"), (1, 3, "33.3%"), (1, 0, "0%")]
)
def test_small_shares_do_not_vanish(part: int, whole: int, text: str) -> None:
    assert wording.share(part, whole) == text


def test_markdown_in_keys_is_shown_not_run() -> None:
    assert wording.plain("_a_ *b* [c](d) :x: $1") == r"\_a\_ \*b\* \[c\](d) \:x\: \$1"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("99.9900", "99.99 USD"),
        ("100.0000", "100 USD"),
        ("0", "0 USD"),
        ("1234567.5", "1,234,567.50 USD"),
        ("0.0001", "0.0001 USD"),
    ],
)
def test_money_shows_every_digit(amount: str, text: str) -> None:
    assert wording.money(Decimal(amount), "USD") == text


def test_several_currencies_stand_side_by_side() -> None:
    assert wording.moneys({"EUR": Decimal(5), "USD": Decimal("0.5")}) == "5 EUR, 0.50 USD"
    assert wording.moneys({}) == "none"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (7_500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_seconds_read_as_a_person_would_say_them(count: int, text: str) -> None:
    assert wording.seconds(count) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(0.0, "0%"), (0.0004, "<0.1%"), (0.125, "12.5%"), (1.0, "100.0%"), (97.48, "×97")]
)
def test_rates_read_as_per_cent_or_as_a_multiple(rate: float, text: str) -> None:
    assert wording.percent(rate) == text


@pytest.mark.parametrize(
    ("amounts", "currency", "digits"),
    [
        (["455.7", "1176.42"], "USD", 2),
        (["5"], "EUR", 2),
        (["0.0001", "7"], "EUR", 4),
        (["1200.0000"], "JPY", 0),
        (["0.5", "3"], "JPY", 1),
        (["1.5"], "KWD", 3),
        ([], "XAU", 0),
    ],
)
def test_a_column_of_money_has_the_decimals_of_its_currency_and_loses_none(
    amounts: list[str], currency: str, digits: int
) -> None:
    assert wording.decimals([Decimal(amount) for amount in amounts], currency) == digits
