"""The earlier period that a page compares with: the one before, the year before, or days of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import streamlit as st

from analytics_core.errors import InvalidDateRangeError
from analytics_core.model import Period
from analytics_core.query.parse import parse_compare
from analytics_core.ui import address

CUSTOM = "custom"
_CHOICES: dict[tuple[str, bool], str] = {
    ("previous", False): "vs period before",
    ("previous", True): "vs period before, same weekdays",
    ("previousYear", False): "vs year before",
    ("previousYear", True): "vs year before, same weekdays",
    (CUSTOM, False): "vs chosen days",
    (CUSTOM, True): "vs chosen days, same weekdays",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `Query.compare` and `Query.match_weekdays` are."""

    compare: Literal["previous", "previousYear"] | Period
    match_weekdays: bool


def chooser(period: Period) -> Comparison:
    """The choice of the earlier period. Raises what is wrong with the parameters, as the API does."""
    text = address.read("compare", "previous")
    compare = parse_compare(text, period.timezone) or "previous"
    match_weekdays = address.read("matchWeekdays") == "true"
    st.session_state["comparison"] = (CUSTOM if isinstance(compare, Period) else compare, match_weekdays)
    st.selectbox(
        "Compare",
        list(_CHOICES),
        format_func=_CHOICES.__getitem__,
        key="comparison",
        label_visibility="collapsed",
        width=255,
        on_change=_write,
        args=(period,),
    )
    if isinstance(compare, Period):
        _days_chooser(compare)
    return Comparison(compare, match_weekdays)


def _days_chooser(days: Period) -> None:
    if days.length < 1:
        raise InvalidDateRangeError("The first day of compare must not be after its last day.")
    if len(st.session_state.get("compared-days", ())) != 1:  # else the second day is awaited
        st.session_state["compared-days"] = (days.from_day, days.to_day)
    st.date_input(
        "Days to compare with",
        key="compared-days",
        format="YYYY-MM-DD",
        on_change=_write_days,
        width=230,
        label_visibility="collapsed",
    )


def _write(period: Period) -> None:
    compare, match_weekdays = st.session_state["comparison"]
    if compare == CUSTOM:
        before = period.previous()
        compare = _text(before.from_day, before.to_day)
    address.change(compare="" if compare == "previous" else compare, matchWeekdays="true" if match_weekdays else "")


def _write_days() -> None:
    days: tuple[date, ...] = st.session_state["compared-days"]
    if len(days) == 2:
        address.change(compare=_text(days[0], days[1]))


def _text(first: date, last: date) -> str:
    return f"{first:%Y%m%d}-{last:%Y%m%d}"
