"""The address bar: the only reader and writer of the URL's parameters. What a screen shows, its URL says.

Parameters: handle, period (`7d`, `30d`, `90d`, `12m`, or `custom` with `from` and `to`), tz (`utc`), interval (of
charts over time), compare and matchWeekdays (as in the API), by (the dimension of the breakdown), split and counted (of
the funnel) and the API's filters (`country=DE,AT`, `country=-BR`).
"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from analytics_core.model import Filter
from analytics_core.query.catalog import FILTERS, GROUPINGS
from analytics_core.query.parse import filter_text, parse_filter


def read(name: str, default: str = "") -> str:
    return st.query_params.get(name, default)


def change(**values: str) -> None:
    """Sets the parameters; an empty value removes one."""
    kept = link(**values)
    if kept != st.query_params.to_dict():
        st.query_params.from_dict(kept)


def clear() -> None:
    st.query_params.clear()


def link(**values: str) -> dict[str, str]:
    """The present parameters with these changes, for a link to another page."""
    return {name: value for name, value in (st.query_params.to_dict() | values).items() if value}


def filters() -> tuple[Filter, ...]:
    """The filters of the URL. Raises InvalidParameterError for one that mixes keeping and dropping."""
    return tuple(parse_filter(name, text) for name in FILTERS if (text := read(name)))


def with_filter(dimension: str, value: str, *, exclude: bool = False) -> str:
    """The parameter after `value` was added; a change between keeping and dropping starts over."""
    present = _filter(dimension)
    kept = present.values if present and present.exclude == exclude else ()
    return _spelled(Filter(dimension, tuple(dict.fromkeys((*kept, value))), exclude))


def narrowed(grouping: str, key: str) -> dict[str, str]:
    """The parameter that narrows to one key of a breakdown, and its value."""
    name = GROUPINGS[grouping].word
    return {name: with_filter(name, key)}


def without_filter(dimension: str, value: str) -> str:
    """The parameter after `value` was removed; empty when it was the last."""
    present = _filter(dimension)
    if present is None:
        return ""
    return _spelled(replace(present, values=tuple(other for other in present.values if other != value)))


def _filter(dimension: str) -> Filter | None:
    return next((one for one in filters() if one.dimension == dimension), None)


def _spelled(one: Filter) -> str:
    return filter_text(one) if one.values else ""
