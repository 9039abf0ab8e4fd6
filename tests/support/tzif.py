"""A second reading of the packaged time zone files, without zoneinfo: TZif blocks and POSIX rules as in RFC 9636."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tzdata

FOLDER = Path(tzdata.__file__).parent / "zoneinfo"
Longs = npt.NDArray[np.int64]

_HEADER = struct.Struct(">4sc15x6l")
_LAST_YEAR = 2101
_BEFORE_ALL = -(2**62)
_NAME = r"(?:<[^>]+>|[A-Za-z]+)"
_RULES = re.compile(rf"{_NAME}(?P<std>[^,<A-Za-z]+)(?:{_NAME}(?P<dst>[^,]*),(?P<start>[^,]+),(?P<end>[^,]+))?")


@dataclass(frozen=True)
class Offsets:
    """Seconds ahead of UTC, each from its start (epoch seconds) on."""

    starts: Longs
    seconds: Longs

    def at(self, epoch: Longs) -> Longs:
        return self.seconds[np.searchsorted(self.starts, epoch, side="right") - 1]

    def local_days(self, epoch: Longs) -> Longs:
        """Days since 1970-01-01 that clocks show."""
        return (epoch + self.at(epoch)) // 86_400

    def changes(self, first: int, end: int) -> list[int]:
        """When clocks change, from `first` to before `end`."""
        return [int(start) for start in self.starts if first <= start < end]


def content(name: str) -> bytes:
    return FOLDER.joinpath(*name.split("/")).read_bytes()


def offsets(file: bytes) -> Offsets:
    """Up to 2100."""
    begin = _HEADER.size + _Counts.at(file, 0).size(time=4)  # the first block repeats the second in 32 bits
    counts = _Counts.at(file, begin)
    begin += _HEADER.size
    starts = struct.unpack_from(f">{counts.times}q", file, begin)
    kinds = file[begin + 8 * counts.times : begin + 9 * counts.times]
    types = begin + 9 * counts.times
    by_kind = [struct.unpack_from(">lbb", file, types + 6 * kind)[0] for kind in range(counts.types)]
    footer = file[begin + counts.size(time=8) :].decode("ascii").strip("\n")
    found = [(_BEFORE_ALL, by_kind[0]), *((start, by_kind[kind]) for start, kind in zip(starts, kinds, strict=True))]
    if footer:
        found += _by_rules(footer, *found[-1])
    return Offsets(*(np.array(column, dtype=np.int64) for column in zip(*found, strict=True)))


class _Counts(NamedTuple):
    """How many of each follow a header, in its order."""

    is_utc: int
    is_standard: int
    leaps: int
    times: int
    types: int
    letters: int

    @classmethod
    def at(cls, file: bytes, begin: int) -> _Counts:
        magic, version, *counts = _HEADER.unpack_from(file, begin)
        assert magic == b"TZif"
        assert version >= b"2"
        return cls(*counts)

    def size(self, *, time: int) -> int:
        """Bytes that follow, with so many a time."""
        return (
            self.times * (time + 1)
            + self.types * 6
            + self.letters
            + self.leaps * (time + 4)
            + self.is_standard
            + self.is_utc
        )


def _by_rules(text: str, after: int, last: int) -> list[tuple[int, int]]:
    """The changes that the file does not list one by one."""
    rules = _RULES.fullmatch(text)
    assert rules, text
    standard = -_span(rules["std"])
    if rules["start"] is None:
        assert standard == last, text
        return []
    summer = -_span(rules["dst"]) if rules["dst"] else standard + 3_600
    first = 1970 if after == _BEFORE_ALL else datetime.fromtimestamp(after, UTC).year
    made = [
        change
        for year in range(first, _LAST_YEAR)
        for change in (
            (_moment(rules["start"], year) - standard, summer),
            (_moment(rules["end"], year) - summer, standard),
        )
    ]
    return sorted(change for change in made if change[0] > after)


def _moment(rule: str, year: int) -> int:
    """When the rule's local clock shows its time, as if that clock were UTC."""
    day, _, time = rule.partition("/")
    seconds = _span(time) if time else 7_200
    return int(datetime(*_day(day, year).timetuple()[:3], tzinfo=UTC).timestamp()) + seconds


def _day(rule: str, year: int) -> date:
    if rule.startswith("M"):
        month, week, weekday = (int(part) for part in rule[1:].split("."))  # Sunday is 0, week 5 the last
        first = date(year, month, 1)
        day = first + timedelta(days=(weekday - first.isoweekday()) % 7 + 7 * (week - 1))
        return day if day.month == month else day - timedelta(days=7)
    if rule.startswith("J"):  # 1 to 365, never 29 February
        day = date(2001, 1, 1) + timedelta(days=int(rule[1:]) - 1)
        return day.replace(year=year)
    return date(year, 1, 1) + timedelta(days=int(rule))


def _span(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    hours, minutes, seconds = (*(int(part) for part in text.lstrip("+-").split(":")), 0, 0)[:3]
    return sign * (hours * 3_600 + minutes * 60 + seconds)
