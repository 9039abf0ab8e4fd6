"""The interval of charts over time: hours, days, weeks or months; the URL says it."""

from __future__ import annotations

from typing import Final

import streamlit as st

from analytics_core.model import Interval, Period
from analytics_core.query.parse import MAX_DAYS_OF_HOURS
from analytics_core.ui import address

_LABELS: Final[dict[Interval, str]] = {"hour": "Hours", "day": "Days", "week": "Weeks", "month": "Months"}


def chosen(period: Period) -> Interval:
    """That of the URL, where the period has room for it; else days."""
    fitting: dict[str, Interval] = {one: one for one in offered(period)}
    return fitting.get(address.read("interval"), "day")


def offered(period: Period) -> tuple[Interval, ...]:
    """Hours of short periods alone; weeks and months of those that are longer than one."""
    fits = {"hour": period.length <= MAX_DAYS_OF_HOURS, "week": period.length > 7, "month": period.length > 31}
    intervals: list[Interval] = list(_LABELS)
    return tuple(one for one in intervals if fits.get(one, True))


def chooser(period: Period) -> None:
    """Of a chart over time."""
    choices = offered(period)
    if len(choices) < 2:
        return
    st.session_state["interval"] = chosen(period)
    st.segmented_control(
        "Interval",
        choices,
        format_func=_LABELS.__getitem__,
        key="interval",
        required=True,
        label_visibility="collapsed",
        on_change=_write,
    )


def _write() -> None:
    interval = st.session_state["interval"]
    address.change(interval="" if interval == "day" else interval)
