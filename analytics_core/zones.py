"""Time zones from one database: the installed package `tzdata`, whatever the machine has and its environment says.

Python's zoneinfo asks the operating system's files first, and Polars, DuckDB, ClickHouse and browsers each carry a
release of their own: by two of them a day begins an hour apart. So a local day is told here alone, and zones stay here:
callers give the name, and get days, UTC times and offsets. RELEASE stands in whatever depends on it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

import tzdata

from analytics_core.errors import InvalidTimezoneError

RELEASE: Final = tzdata.IANA_VERSION  # such as 2026f
_PLACEHOLDERS: Final = {"Factory"}  # what a machine has before anybody said where it is
NAMES: Final = frozenset(files(tzdata).joinpath("zones").read_text(encoding="utf-8").split()) - _PLACEHOLDERS


def check_timezone(name: str, parameter: str = "tz") -> None:
    """Raises InvalidTimezoneError, which names the parameter, unless the name is one of NAMES to the letter."""
    if name not in NAMES:
        raise InvalidTimezoneError(
            f"{parameter} must be the name of an IANA time zone such as Europe/Berlin or UTC; got {name[:40]!r}."
        )


def local_day(moment: datetime, timezone: str) -> date:
    """The day in the zone at an aware moment. Raises InvalidTimezoneError."""
    return moment.astimezone(_zone(timezone)).date()


def local_midnight(day: date, timezone: str) -> datetime:
    """The first UTC instant of a local day. Where clocks skip midnight, that is the first instant after the gap.

    Raises InvalidTimezoneError.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=_zone(timezone))
    return midnight.astimezone(UTC)


def same_time_of_day(moment: datetime, day: date, timezone: str) -> datetime:
    """When clocks of the zone show on that day what they show at an aware moment, in UTC.

    A time that clocks skip on that day comes after the gap. Raises InvalidTimezoneError.
    """
    return datetime.combine(day, moment.astimezone(_zone(timezone)).timetz()).astimezone(UTC)


def utc_offset(moment: datetime, timezone: str) -> timedelta:
    """By how much the zone's clocks are ahead of UTC at an aware moment. Raises InvalidTimezoneError."""
    return moment.astimezone(_zone(timezone)).utcoffset() or timedelta()


@cache
def _zone(name: str) -> ZoneInfo:
    """Read from the package's own file: `ZoneInfo(name)` would ask the operating system, and the search path is the
    host program's to set."""
    check_timezone(name)
    with files(tzdata).joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
