"""What the keys of log objects tell about time, and what a walk over them may leap over."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sources.hours import recent_from

SINCE = datetime(2026, 3, 10, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "leap"),
    [
        ("logs/E2.2026-03-09-09.ab.gz", "logs/E2.2026-03-10-06"),
        ("logs/E2.2026-03-10-06.ab.gz", None),
        ("logs/E2.2026-03-10-07.ab.gz", None),  # an hour that is not over
        ("logs/E2.2026-03-12-09.ab.gz", None),
        ("logs/50%/2026/03/09/09/s-1-2026-03-09-09-01-02-ab.gz", "logs/50%/2026/03/10/06"),
        ("logs/2026/03/09/09/s-1-2026-03-09-10-00-02-ab.gz", "logs/2026/03/10/06"),
        ("logs/year=2026/month=03/day=09/hour=09/a", "logs/year=2026/month=03/day=10/hour=06"),
        ("logs/2026/03/08/E2.2026-03-08-23.a.gz", "logs/2026/03/09"),
        ("logs/2026-03-10/a", None),  # a day that is not over
        ("logs/README.txt", None),
        ("logs/2026-13-45-99.a", None),
        ("logs/export-2025-01-01-00/E2.2026-03-12-09.a.gz", None),  # the folder has a date in its name
        ("logs/export-2025-01-01-00/E2.2026-03-09-09.a.gz", "logs/export-2025-01-01-00/E2.2026-03-10-06"),
        ("logs/2026/03/12/09/schema-2025-01-01-00.gz", None),
    ],
)
def test_what_is_older_leads_to_what_is_recent(key: str, leap: str | None) -> None:
    assert recent_from(key, SINCE, len("logs/")) == leap


def test_a_date_in_the_prefix_of_the_source_is_no_hour() -> None:
    prefix = "export-2025-01-01-00/"
    assert recent_from(f"{prefix}a.log", SINCE, len(prefix)) is None
    assert recent_from("logs/2026/03/09/09/a", SINCE, len("logs/2026/")) == "logs/2026/03/10/06"


def walk(keys: Sequence[str]) -> set[str]:
    """What is read of keys in their order."""
    read: set[str] = set()
    place = 0
    while place < len(keys):
        leap = recent_from(keys[place], SINCE, 0)
        if leap is None:
            read.add(keys[place])
            place += 1
        else:
            assert leap > keys[place]
            place = bisect_right(keys, leap)
    return read


HOURS = st.integers(-400, 60).map(lambda back: SINCE + timedelta(hours=back))
NAMES = st.sampled_from(["E1.", "E2.", "a/E1.", "a/2024-02-03-04/E1.", "b-2026/", "", "zone/50%/"])
FORMS = st.sampled_from(["%Y-%m-%d-%H.x", "%Y/%m/%d/%H/x", "%Y/%m/%d/E1.%Y-%m-%d-%H.x", "%Y-%m-%d/x", "README"])


@given(st.sets(st.tuples(NAMES, FORMS, HOURS), max_size=60))
def test_no_walk_leaps_over_what_is_recent_or_shows_no_time(drawn: set[tuple[str, str, datetime]]) -> None:
    keys = {name + hour.strftime(form): hour for name, form, hour in drawn}
    read = walk(sorted(keys))
    undated = {key for key in keys if key.endswith("README")}
    wanted = {key for key, hour in keys.items() if hour >= SINCE} - undated | {
        key for key in undated if "-04" not in key
    }
    assert wanted <= read
    assert all(SINCE - keys[key] < timedelta(days=2) for key in read - wanted)
