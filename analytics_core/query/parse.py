"""Parameters to Query: strings as they come in a URL, checked one by one, with defaults filled in.

Parameters that nobody knows are ignored here; the API refuses those that are nearly spelt right. A filter keeps its
comma-separated values (`country=DE,AT`); a `-` before the first value drops them all instead (`country=-BR,US`;
`-BR,-US` says the same). Blanks around a value do not count. A backslash takes the character behind it as it stands: it
keeps a slug that begins with `-` (`slug=\\-abc`), and a value with a comma (`utmSource=a\\,b`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

from analytics_core.errors import (
    InvalidAsOfError,
    InvalidDateRangeError,
    InvalidLimitError,
    InvalidParameterError,
    InvalidSlugError,
    InvalidSortError,
)
from analytics_core.model import NOT_TRACKED, PENDING, ConversionDay, Events, Filter, Interval, Period, Query, Sort
from analytics_core.names import SLUG
from analytics_core.query.catalog import EVENT, FILTERS, GROUPINGS, check_grouping, grouping
from analytics_core.zones import check_timezone, local_day

DEFAULT_DAYS: Final = 30
MAX_DAYS: Final = 1_100
MAX_DAYS_OF_HOURS: Final = 31
DEFAULT_LIMIT: Final = 1_000
MAX_LIMIT: Final = 10_000
MAX_FILTER_VALUES: Final = 100
FIRST_YEAR: Final = 2000  # before CloudFront; since then every zone's offset is a multiple of 15 minutes
LAST_YEAR: Final = 2099

_INTERVALS: Final = "hour, day, week or month"
_TWO_DAYS: Final = re.compile(r"([0-9]{8})-([0-9]{8})")
_DAY: Final = re.compile(r"[0-9]{8}")
_SLUG: Final = re.compile(SLUG)
_LIMIT: Final = re.compile(r"[0-9]{1,9}")
_UP_TO_A_COMMA: Final = re.compile(r"((?:[^\\,]|\\.)*),", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE: Final = re.compile(r"[\\,]|\A[-\s]|\s\Z")
_WITHOUT_FORM: Final = (NOT_TRACKED, PENDING)  # keys of what has no value


def parse_query(handle: str, parameters: Mapping[str, str], now: datetime, *, for_export: bool = False) -> Query:
    """The question that URL parameters ask. An empty parameter counts as left out.

    `for_export` also admits `groupBy=event`, and knows no funnel. Raises the InvalidParameterError of the parameter
    that is wrong.
    """
    given = {name: value for name, value in parameters.items() if value}
    funnel = not for_export and _flag("funnel", given.get("funnel"))
    group_by = _group_by(given.get("groupBy"), for_export=for_export, optional=funnel)
    query = Query(
        handle=handle,
        group_by=group_by,
        period=_period(given, now),
        filters=tuple(parse_filter(name, given[name]) for name in FILTERS if name in given),
        sort=_sort(given.get("sort")),
        limit=_limit(given.get("limit"), group_by),
        compare=parse_compare(given.get("compare"), given.get("tz", "UTC")),
        confidence=_flag("confidence", given.get("confidence")),
        as_of=_as_of(given.get("asOf"), now),
        funnel=funnel,
        conversion_day=_conversion_day(given.get("conversionDay")),
        events=_events(given.get("metric"), group_by) if for_export else "clicks",
        interval=_interval(given.get("interval"), group_by),
        match_weekdays=_flag("matchWeekdays", given.get("matchWeekdays")),
    )
    check_query(query)
    return query


def parse_period(parameters: Mapping[str, str], now: datetime) -> Period:
    """The days that `fromDay`, `toDay` and `tz` ask for. Raises InvalidDateRangeError or InvalidTimezoneError."""
    return parse_query("", {"groupBy": "day", **parameters}, now).period


def check_query(query: Query) -> None:
    """Raises the error of whatever the catalog and the limits do not allow, however the query was made."""
    check_timezone(query.period.timezone)
    _check_days(query, query.period, "The range", "fromDay", "toDay")
    if isinstance(query.compare, Period):
        _check_days(query, query.compare, "The earlier period", "The first day of compare", "its last day")
    if query.match_weekdays and query.compare is None:
        raise InvalidParameterError("matchWeekdays must come with compare; it moves the period to compare with.")
    if not 1 <= query.limit <= MAX_LIMIT:
        raise InvalidLimitError(f"limit must be a whole number from 1 to {MAX_LIMIT}.")
    if query.group_by is None and not query.funnel:
        grouping("")
    for one in query.filters:
        _check_filter(one)


def _check_days(query: Query, period: Period, name: str, first: str, last: str) -> None:
    if period.length < 1:
        raise InvalidDateRangeError(f"{first} must not be after {last}.")
    if period.length > MAX_DAYS:
        raise InvalidDateRangeError(f"{name} has {period.length} days; at most {MAX_DAYS} days fit into one query.")
    if query.interval == "hour" and period.length > MAX_DAYS_OF_HOURS:
        raise InvalidDateRangeError(
            f"{name} has {period.length} days; with interval=hour it must have at most {MAX_DAYS_OF_HOURS}."
        )
    if period.from_day.year < FIRST_YEAR or period.to_day.year > LAST_YEAR:
        raise InvalidDateRangeError(f"{first} and {last} must lie in the years {FIRST_YEAR} to {LAST_YEAR}.")


def parse_filter(dimension: str, text: str) -> Filter:
    """One filter from the text of its parameter. Of values that mean the same (`Chrome,chrome`) it has the first."""
    exclude = text.startswith("-")
    first, *others = _written_values(dimension, text.removeprefix("-"))
    if exclude:
        others = [written.removeprefix("-") for written in others]
    elif dimension != "slug" and any(written.startswith("-") for written in others):
        raise _mixed(dimension)
    values: dict[str, str] = {}
    for written in (first, *others):
        value = _spelled(dimension, _ESCAPED.sub(r"\1", written))
        values.setdefault(FILTERS[dimension].compared(value), value)
    return Filter(dimension, tuple(values.values()), exclude)


def joined(dimension: str, texts: Sequence[str]) -> str:
    """One parameter of several that ask for the same dimension. Raises InvalidParameterError for a mixture."""
    if len({text.startswith("-") for text in texts}) > 1:
        raise _mixed(dimension)
    for text in texts:
        _check_backslashes(dimension, text)  # the last one would take the comma behind it
    return ",".join(texts)


def filter_text(one: Filter) -> str:
    """A filter as the parameter that asks for it: `DE,AT`, or `-BR` to exclude. What parse_filter reads back."""
    return "-" * one.exclude + ",".join(_TO_ESCAPE.sub(r"\\\g<0>", value) for value in one.values)


def _written_values(dimension: str, text: str) -> Iterator[str]:
    """The values between the commas without the blanks around them, their backslashes still there."""
    _check_backslashes(dimension, text)
    for part in _UP_TO_A_COMMA.findall(text + ","):
        begun = part.lstrip()
        written = begun.rstrip()
        # A blank behind a backslash belongs to the value.
        yield written + begun[len(written)] if _ends_in_a_backslash(written) else written


def _check_backslashes(dimension: str, text: str) -> None:
    if _ends_in_a_backslash(text):
        raise InvalidParameterError(f"{dimension} must not end with a single backslash; a backslash is written twice.")


def _ends_in_a_backslash(text: str) -> bool:
    """Whether the last backslash takes what comes after it, rather than being taken itself."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _mixed(dimension: str) -> InvalidParameterError:
    return InvalidParameterError(
        f"{dimension} mixes values to keep and values to drop; put - first to drop all of them ({dimension}=-A,B)."
    )


def _spelled(dimension: str, value: str) -> str:
    return value if value.startswith("(") else FILTERS[dimension].spelling(value)


def _check_filter(one: Filter) -> None:
    name = one.dimension
    if name not in FILTERS:
        raise InvalidParameterError(f"A filter must be one of {', '.join(FILTERS)}; got {name!r}.")
    if not 1 <= len(one.values) <= MAX_FILTER_VALUES or "" in one.values:
        raise InvalidParameterError(
            f"{name} must have 1 to {MAX_FILTER_VALUES} values, none of them empty, with commas between."
        )
    if name == "slug":
        for slug in one.values:
            if not _SLUG.fullmatch(slug):
                raise InvalidSlugError(f"slug must be 4 to 24 letters, digits, _ or -; got {slug[:40]!r}.")
    dimension = FILTERS[name]
    for value in one.values:
        if dimension.values and value not in dimension.values:
            raise InvalidParameterError(f"{name} must be one of {', '.join(dimension.values)}; got {value[:40]!r}.")
        if dimension.form and not (value in _WITHOUT_FORM or re.fullmatch(dimension.form, value)):
            raise InvalidParameterError(f"{name} must be {dimension.form_label}; got {value[:40]!r}.")


def _group_by(name: str | None, *, for_export: bool, optional: bool) -> str | None:
    if name is None and optional:
        return None
    if for_export:
        check_grouping(name or "", (*GROUPINGS, EVENT))
        return name
    return grouping(name or "").name


def _period(given: Mapping[str, str], now: datetime) -> Period:
    timezone = given.get("tz", "UTC")
    check_timezone(timezone)
    span = timedelta(days=DEFAULT_DAYS - 1)
    from_day = _day("fromDay", given.get("fromDay"))
    to_day = _day("toDay", given.get("toDay"))
    if to_day is None:
        today = local_day(now, timezone)
        to_day = today if from_day is None else max(today, from_day)
    return Period(to_day - span if from_day is None else from_day, to_day, timezone)


def _day(name: str, text: str | None) -> date | None:
    if text is None:
        return None
    if _DAY.fullmatch(text):
        try:
            day = date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError:
            day = None
        if day is not None and FIRST_YEAR <= day.year <= LAST_YEAR:
            return day
    raise InvalidDateRangeError(f"{name} must be a date like 20260228; got {text[:40]!r}.")


def _sort(text: str | None) -> Sort | None:
    match text:
        case None | "asc" | "desc":
            return text
        case _:
            raise InvalidSortError(f"sort must be asc or desc; got {text[:40]!r}.")


def _limit(text: str | None, group_by: str | None) -> int:
    if text is None:
        return MAX_DAYS if group_by == "day" else DEFAULT_LIMIT  # unasked, no day is folded
    if not _LIMIT.fullmatch(text):
        raise InvalidLimitError(f"limit must be a whole number from 1 to {MAX_LIMIT}; got {text[:40]!r}.")
    return int(text)


def parse_compare(text: str | None, timezone: str) -> Literal["previous", "previousYear"] | Period | None:
    """What to compare with, from the text of its parameter."""
    match text:
        case None | "previous" | "previousYear":
            return text
        case _:
            if days := _TWO_DAYS.fullmatch(text):
                first, last = (_day(f"Each day of compare={text}", day) for day in days.groups())
                assert first is not None
                assert last is not None
                return Period(first, last, timezone)
            raise InvalidParameterError(
                f"compare must be previous, previousYear or two days like 20260101-20260131; got {text[:40]!r}."
            )


def _interval(text: str | None, group_by: str | None) -> Interval:
    match text:
        case None:
            return "day"
        case "hour" | "day" | "week" | "month":
            if group_by != "day":
                raise InvalidParameterError(
                    f"interval must come with groupBy=day; got groupBy={group_by}."
                    if group_by
                    else "interval must come with groupBy=day; groupBy is left out."
                )
            return text
        case _:
            raise InvalidParameterError(f"interval must be {_INTERVALS}; got {text[:40]!r}.")


def _conversion_day(text: str | None) -> ConversionDay:
    match text:
        case None | "conversion" | "click":
            return text or "conversion"
        case _:
            raise InvalidParameterError(f"conversionDay must be conversion or click; got {text[:40]!r}.")


def _events(text: str | None, group_by: str | None) -> Events:
    match text:
        case None | "clicks":
            return "clicks"
        case "conversions" if group_by == EVENT:
            return text
        case _:
            raise InvalidParameterError(
                f"metric must be clicks, or with groupBy={EVENT} conversions; got {text[:40]!r}."
            )


def _flag(name: str, text: str | None) -> bool:
    if text not in (None, "true", "false"):
        raise InvalidParameterError(f"{name} must be true or false; got {text[:40]!r}.")
    return text == "true"


def _as_of(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    try:
        given = datetime.fromisoformat(text)
        moment = given.astimezone(UTC) if given.tzinfo is not None else None
    except (ValueError, OverflowError):  # no time, or one before the first year in UTC
        moment = None
    if moment is None:
        raise InvalidAsOfError(
            "asOf must be an RFC 3339 time with its offset, such as 2026-02-25T12:00:00Z (a + is %2B); "
            f"got {text[:40]!r}."
        )
    check_as_of(moment, now)
    return moment


def check_as_of(moment: datetime, now: datetime) -> None:
    """Raises InvalidAsOfError for a moment that is still to come: what will be known then, nobody can say."""
    if moment > now:
        raise InvalidAsOfError("asOf must not lie in the future; leave it out for the newest answer.")
