"""When an object was written, as far as its key tells, and where among its like the recent keys begin.

CloudFront, Firehose and log deliveries write the hour into keys, or the day. Keys that say the same until then, and
hold the time in the same way, stand in the order of their times, so that old ones need not be listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)

# Ways in which a key can hold a time, finer ones first: a pattern to find it, how to write another one in its place,
# and how long it lasts.
_FORMS: Final = (
    (r"\d{4}-\d{2}-\d{2}-\d{2}(?=[.\-_/])", "%Y-%m-%d-%H", _HOUR),
    (r"\d{4}/\d{2}/\d{2}/\d{2}(?=/)", "%Y/%m/%d/%H", _HOUR),
    (r"year=\d{4}/month=\d{2}/day=\d{2}/hour=\d{2}(?=/)", "year=%Y/month=%m/day=%d/hour=%H", _HOUR),
    (r"\d{4}-\d{2}-\d{2}(?=/)", "%Y-%m-%d", _DAY),
    (r"\d{4}/\d{2}/\d{2}(?=/)", "%Y/%m/%d", _DAY),
    (r"year=\d{4}/month=\d{2}/day=\d{2}(?=/)", "year=%Y/month=%m/day=%d", _DAY),
)
_TIMES: Final = re.compile("|".join(rf"(?<!\d)({pattern})" for pattern, _, _ in _FORMS))


@dataclass(frozen=True, slots=True)
class _Time:
    """A stretch of time that a key names: `before` it in the key, and its `form`."""

    before: str
    form: str
    begin: datetime
    end: datetime

    def agrees(self, other: _Time) -> bool:
        """Whether both may say when one object was written; a name's time may be past that of its folder."""
        return self.begin - _HOUR < other.end and other.begin < self.end + _HOUR


def recent_from(key: str, since: datetime, below: int) -> str | None:
    """A place before those of the key's like that are not older than `since`; None when the key itself must be read.

    A key must be read unless every time in it, but for what lies in its first `below` characters, is older. When a
    folder and the name in it say the same time, its like are the folders beside it; otherwise one of the two may be a
    fixed name with a date in it, and its like are the names beside it that differ in the last time alone.
    """
    times = list(_times(key, below))
    if not times or any(one.end > since for one in times):
        return None
    like = next(one for one in times if one.agrees(times[-1]))
    # One hour earlier: servers with real folders leave out the folder whose very name they are to start after.
    earlier = since.astimezone(UTC) - (like.end - like.begin)
    place = like.before + earlier.strftime(like.form)
    return place if place > key else None


def _times(key: str, below: int) -> Iterator[_Time]:
    for found in _TIMES.finditer(key):
        if found.end() <= below or found.lastindex is None:
            continue
        _, form, length = _FORMS[found.lastindex - 1]
        try:
            begin = datetime.strptime(found[0], form).replace(tzinfo=UTC)
        except ValueError:  # digits that are no date
            continue
        yield _Time(key[: found.start()], form, begin, begin + length)
