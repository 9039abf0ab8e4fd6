"""Which bucket of the range each part of the earlier period stands beside: by the calendar, not by place.

A day goes into the bucket of its counterpart, so weeks and months that begin on other days still compare equal spans.
An hour goes beside the same hour on clocks of that day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from analytics_core.query.time_keys import Buckets, day_of, number_of_day

Counterpart = Callable[[date], date | None]


def previous_places(buckets: Buckets, earlier: Buckets, counterpart: Counterpart) -> Mapping[int, int]:
    """Number of the earlier period → place in `buckets`. Numbers whose day has no counterpart are not there."""
    match buckets.unit:
        case "hour_of_week":
            return buckets.places
        case "local_day":
            found = ((number, counterpart(day_of(number))) for number in earlier.places)
            return {number: buckets.places[number_of_day(day)] for number, day in found if day is not None}
        case "quarter_hour":
            beside = _hours_beside(buckets, earlier, counterpart)
            return {slot: beside[place] for slot, place in earlier.places.items() if place in beside}


def _hours_beside(buckets: Buckets, earlier: Buckets, counterpart: Counterpart) -> Mapping[int, int]:
    """Place of an earlier hour → place in `buckets`.

    An hour that clocks skipped on the later day goes into the next one that they showed, or the last. Of two equal
    hours the first stands beside the first, and the second beside the second or the only one.
    """
    hours = _places_by_clock(buckets)
    beside: dict[int, int] = {}
    for earlier_day, earlier_hours in _places_by_clock(earlier).items():
        day = counterpart(earlier_day)
        shown = hours.get(day) if day else None
        if not shown:  # left over, or a day that the zone skipped as a whole
            continue
        for hour, places in earlier_hours.items():
            same = shown[min((one for one in shown if one >= hour), default=max(shown))]
            for nth, place in enumerate(places):
                beside[place] = same[min(nth, len(same) - 1)]
    return beside


def _places_by_clock(buckets: Buckets) -> Mapping[date, Mapping[int, list[int]]]:
    """Day → hour on clocks → places: two of them where clocks repeat the hour."""
    found: dict[date, dict[int, list[int]]] = {}
    for place, bucket in enumerate(buckets.all):
        if bucket.last_day is not None and bucket.clock_hour is not None:
            found.setdefault(bucket.last_day, {}).setdefault(bucket.clock_hour, []).append(place)
    return found
