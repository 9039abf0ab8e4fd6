"""The period and its time zone: named periods that end today, or two days of one's own."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from analytics_core.errors import InvalidDateRangeError, InvalidTimezoneError
from analytics_core.model import Period
from analytics_core.ui import address, session
from analytics_core.zones import local_day

NAMED = {"7d": 7, "30d": 30, "90d": 90, "12m": 365}
CUSTOM = "custom"
DEFAULT = "30d"
UTC = "utc"


def picker(own_zone: str) -> Period:
    """The period in the handle's own zone, or in UTC on request. Raises what is wrong with the parameters."""
    timezone = _timezone(own_zone)
    today = local_day(session.now(), timezone)
    chosen = address.read("period", DEFAULT)
    if chosen not in (*NAMED, CUSTOM):
        raise InvalidDateRangeError(f"period must be one of {', '.join(NAMED)} or {CUSTOM}; got {chosen[:40]!r}.")
    st.session_state["period"] = chosen
    st.segmented_control(
        "Period",
        [*NAMED, CUSTOM],
        format_func=str.capitalize,
        key="period",
        required=True,
        on_change=_write,
        label_visibility="collapsed",
    )
    last = today
    first = today - timedelta(days=NAMED.get(chosen, NAMED[DEFAULT]) - 1)
    if chosen == CUSTOM:
        first, last = _day("from", first), _day("to", last)
        _days_chooser(first, last)
    _timezone_chooser(own_zone, timezone)
    return Period(first, last, timezone)


def only(first: date, last: date) -> None:
    """Narrows the page to these days."""
    address.change(**{"period": CUSTOM, "from": first.isoformat(), "to": last.isoformat()})


def _days_chooser(first: date, last: date) -> None:
    if first > last:
        raise InvalidDateRangeError("from must not be after to.")
    if len(st.session_state.get("days", ())) != 1:  # else the first day is picked, and the second one is awaited
        st.session_state["days"] = (first, last)
    st.date_input(
        "Days", key="days", format="YYYY-MM-DD", on_change=_write_days, width=230, label_visibility="collapsed"
    )


def _timezone_chooser(own_zone: str, timezone: str) -> None:
    if own_zone == "UTC":
        return
    st.session_state["tz"] = timezone
    st.segmented_control(
        "Time zone",
        [own_zone, "UTC"],
        key="tz",
        required=True,
        on_change=_write_timezone,
        args=(own_zone,),
        label_visibility="collapsed",
    )


def _timezone(own_zone: str) -> str:
    chosen = address.read("tz")
    if chosen not in ("", UTC):
        raise InvalidTimezoneError(
            f"tz must be {UTC}, or left out for the handle's own zone, {own_zone}; got {chosen[:40]!r}."
        )
    return "UTC" if chosen else own_zone


def _day(name: str, default: date) -> date:
    text = address.read(name)
    try:
        return date.fromisoformat(text) if text else default
    except ValueError:
        raise InvalidDateRangeError(f"{name} must be a day such as {default.isoformat()}; got {text[:40]!r}.") from None


def _write() -> None:
    chosen = st.session_state["period"]
    address.change(**{"period": "" if chosen == DEFAULT else chosen, "from": "", "to": ""})


def _write_timezone(own_zone: str) -> None:
    address.change(tz="" if st.session_state["tz"] == own_zone else UTC)


def _write_days() -> None:
    days: tuple[date, ...] = st.session_state["days"]
    if len(days) == 2:
        address.change(**{"from": days[0].isoformat(), "to": days[1].isoformat()})
