"""PARAMETERS: what a question can say, by name, as the API documents it; and their text from a query string."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from analytics_core.errors import InvalidParameterError
from analytics_core.query.catalog import EVENT, FILTERS, GROUPINGS
from analytics_core.query.parse import DEFAULT_LIMIT, MAX_DAYS, MAX_DAYS_OF_HOURS, MAX_LIMIT, joined

Place = Literal["answer", "export"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its meaning for a reader, a value of it, and where it can be given."""

    name: str
    meaning: str
    example: str
    places: tuple[Place, ...] = ("answer", "export")


_GROUPINGS: Final = f"{', '.join(list(GROUPINGS)[:-1])} or {list(GROUPINGS)[-1]}."
_FILTER: Final = (
    "As a filter: several values with commas (`DE,AT`) or repeated; a `-` first excludes them (`-BR`); a backslash "
    "takes the character behind it as it stands (`a\\,b`)."
)

PARAMETERS: Final = (
    Parameter("groupBy", _GROUPINGS, "day"),
    Parameter(
        "interval",
        f"Of groupBy=day: hour (at most {MAX_DAYS_OF_HOURS} days), day (default), week (from Monday) or month.",
        "week",
    ),
    Parameter("fromDay", "First day, yyyymmdd, inclusive. Default: 29 days before toDay.", "20260201"),
    Parameter("toDay", f"Last day, yyyymmdd, inclusive. Default: today in tz. At most {MAX_DAYS:,} days.", "20260228"),
    Parameter("tz", "IANA zone whose days count. Default UTC.", "Europe/Berlin"),
    *(Parameter(word, f"{one.definition} {_FILTER}", one.example) for word, one in FILTERS.items()),
    Parameter(
        "conversionDay",
        "Which day conversions, revenue and impressions count on: conversion, their own (default), or click, that of "
        "their click.",
        "click",
    ),
    Parameter("sort", "asc or desc: times by key, all else by clicks, then key.", "desc"),
    Parameter("asOf", "RFC 3339 time: the answer as it stood then.", "2026-02-25T12:00:00Z"),
    Parameter(
        "limit",
        f"Rows, 1 to {MAX_LIMIT:,} (default {DEFAULT_LIMIT:,}); the rest is `(other)`.",
        "10",
        places=("answer",),
    ),
    Parameter(
        "compare",
        "The earlier period to compare with: previous (as many days just before), previousYear, or two days "
        "(`20260101-20260131`). While the last day of the range is still going on, the last earlier day counts up to "
        "the same local time, and soFar is true.",
        "previous",
        places=("answer",),
    ),
    Parameter(
        "matchWeekdays",
        "With compare: true moves the earlier period to the nearest days that begin on the same weekday.",
        "true",
        places=("answer",),
    ),
    Parameter("confidence", "true adds the confidence block.", "true", places=("answer",)),
    Parameter(
        "funnel",
        "true adds the funnel; groupBy may then be left out, for totals and funnel alone.",
        "true",
        places=("answer",),
    ),
    Parameter("format", "csv or json.", "csv", places=("export",)),
    Parameter("metric", f"With groupBy={EVENT}: clicks or conversions.", "conversions", places=("export",)),
)


def parameters_of(place: Place) -> tuple[Parameter, ...]:
    return tuple(one for one in PARAMETERS if place in one.places)


def known(pairs: Iterable[tuple[str, str]], names: Collection[str]) -> list[tuple[str, str]]:
    """The pairs of parameters that are known by `names`; others are ignored.

    Raises InvalidParameterError for a name that has the letters of a known one, in capitals or small, and is not
    spelt like it (`groupby`, `utm_source`, `country[]`): without that parameter the answer would be another one.
    """
    by_letters = {_letters(name): name for name in names}
    kept: list[tuple[str, str]] = []
    for name, value in pairs:
        if name in names:
            kept.append((name, value))
        elif (meant := by_letters.get(_letters(name))) is not None:
            raise InvalidParameterError(f"There is no parameter {name[:40]!r}; did you mean {meant}?")
    return kept


def _letters(name: str) -> str:
    return "".join(filter(str.isalpha, name.casefold()))


def gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A filter has the values of all the times that it is given.

    Raises InvalidParameterError for another parameter that is given more than once.
    """
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    for name, given in values.items():
        if name not in FILTERS and len(given) > 1:
            raise InvalidParameterError(f"{name} must be given once; it is given more than once.")
    return {
        name: joined(name, [value for value in given if value]) if name in FILTERS else given[0]
        for name, given in values.items()
    }
