"""Time zones come from the packaged database alone, and say what its files say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import numpy as np
import pytest
import tzdata
from support import tzif
from support.world import ROOT

from analytics_core import zones
from analytics_core.errors import InvalidTimezoneError
from analytics_core.model import Period
from analytics_core.slots import Shift, SlotRange, shifts_of

FIRST, END = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2000, 2036))
SLOT = 900
EPOCH = date(1970, 1, 1)

# Where clocks changed at one minute past midnight, which no quarter hour begins with; docs/how-it-works.md names them.
OFF_THE_QUARTER_HOUR = {
    "America/Goose_Bay": 2011,
    "America/Moncton": 2006,
    "America/St_Johns": 2011,
    "Antarctica/Casey": 2022,
    "Asia/Gaza": 2011,
    "Asia/Hebron": 2011,
    "Canada/Newfoundland": 2011,
}


def one_a_file() -> list[str]:
    """A name for each file: most of the others are second names of the same."""
    by_content = sorted(zones.NAMES, key=lambda name: (tzif.content(name), name))
    return [next(names) for _, names in groupby(by_content, key=tzif.content)]


def test_every_quarter_hour_from_2000_to_2035_has_the_offset_of_the_packaged_files() -> None:
    """Both sides are steps of quarter hours, so they are equal everywhere when their steps are."""
    covered = SlotRange(FIRST // SLOT, END // SLOT)
    for name in one_a_file():
        found = tzif.offsets(tzif.content(name))
        slots = np.array([covered.start, *(-(-change // SLOT) for change in found.changes(FIRST, END))])
        ahead = found.at(slots * SLOT) // SLOT
        steps = [place for place in range(len(slots)) if place == 0 or ahead[place] != ahead[place - 1]]
        expected = tuple(Shift(int(slots[place]), int(ahead[place])) for place in steps)
        assert shifts_of(name, covered) == expected, name


def test_every_name_has_its_own_offsets_on_both_sides_of_each_change() -> None:
    for name in zones.NAMES:
        found = tzif.offsets(tzif.content(name))
        for moment in (side for change in found.changes(FIRST, END) for side in (change - 1, change)):
            told = zones.utc_offset(datetime.fromtimestamp(moment, UTC), name)
            assert told == timedelta(seconds=int(found.at(np.array([moment]))[0])), (name, moment)


def test_a_day_is_the_quarter_hours_in_which_clocks_show_it() -> None:
    around = np.arange(-30 * 3_600, 54 * 3_600, SLOT, dtype=np.int64)
    for name in one_a_file():
        found = tzif.offsets(tzif.content(name))
        days = {change // 86_400 + off for change in found.changes(FIRST, END) for off in range(-1, 3)}
        for number in days | {FIRST // 86_400, END // 86_400}:
            slots = number * 86_400 + around
            inside = slots[found.local_days(slots) == number]
            day = EPOCH + timedelta(days=number)
            period = Period(day, day, name)
            start, end = int(period.start.timestamp()), int(period.end.timestamp())
            if day.year > OFF_THE_QUARTER_HOUR.get(name, 0):
                assert np.array_equal(inside, np.arange(start, end, SLOT)), (name, day)
            else:
                assert start == inside[0], (name, day)


def test_only_these_zones_ever_changed_off_a_quarter_hour() -> None:
    off = {name: tzif.offsets(tzif.content(name)).changes(FIRST, END) for name in zones.NAMES}
    last = {name: max((one for one in changes if one % SLOT), default=None) for name, changes in off.items()}
    years = {name: datetime.fromtimestamp(one, UTC).year for name, one in last.items() if one is not None}
    assert years == OFF_THE_QUARTER_HOUR


@pytest.mark.parametrize(
    ("timezone", "day", "begin"),
    [
        ("America/Vancouver", date(2026, 11, 15), datetime(2026, 11, 15, 7, tzinfo=UTC)),
        ("America/Edmonton", date(2026, 11, 15), datetime(2026, 11, 15, 6, tzinfo=UTC)),
        ("America/Inuvik", date(2026, 11, 15), datetime(2026, 11, 15, 6, tzinfo=UTC)),
        ("America/Winnipeg", date(2026, 11, 15), datetime(2026, 11, 15, 5, tzinfo=UTC)),
        ("America/Rainy_River", date(2026, 11, 15), datetime(2026, 11, 15, 5, tzinfo=UTC)),
        ("America/Havana", date(2026, 11, 15), datetime(2026, 11, 15, 4, tzinfo=UTC)),
        ("Africa/Casablanca", date(2026, 9, 20), datetime(2026, 9, 19, 23, tzinfo=UTC)),
        ("Africa/Casablanca", date(2026, 9, 21), datetime(2026, 9, 21, 0, tzinfo=UTC)),
    ],
)
def test_what_governments_changed_in_2026_counts(timezone: str, day: date, begin: datetime) -> None:
    assert zones.local_midnight(day, timezone) == begin
    assert zones.local_day(begin, timezone) == day
    assert zones.local_day(begin - timedelta(seconds=1), timezone) == day - timedelta(days=1)


def test_the_release_is_that_of_the_files() -> None:
    with (tzif.FOLDER / "tzdata.zi").open() as rules:
        assert rules.readline().split()[:3] == ["#", "version", zones.RELEASE]
    assert f"tzdata=={tzdata.__version__}" in (ROOT / "requirements.txt").read_text().splitlines()


@pytest.mark.parametrize(
    "name",
    [
        *("localtime", "Factory", "posixrules", "right/UTC", "posix/UTC", "zone.tab", "tzdata.zi", "America"),
        *("europe/berlin", "EUROPE/BERLIN", "Europe/Berlin ", "Europe//Berlin", "Mars/Olympus", "+01:00", "GMT+1"),
        *("../../etc/passwd", "/usr/share/zoneinfo/UTC", "UTC\0", ""),
    ],
)
def test_what_is_no_name_to_the_letter_is_refused(name: str) -> None:
    said = r"^tz must be the name of an IANA time zone such as Europe/Berlin or UTC; got '"
    with pytest.raises(InvalidTimezoneError, match=said):
        zones.check_timezone(name)
    with pytest.raises(InvalidTimezoneError, match=said):
        zones.local_day(datetime.now(UTC), name)
    with pytest.raises(InvalidTimezoneError, match=said):
        _ = Period(date(2026, 1, 1), date(2026, 1, 1), name).start
