"""What a page is about, and the bar that chooses it: handle, filters, period, time zone. The URL says it all."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from analytics_core.errors import HandleNotFoundError
from analytics_core.model import ConversionDay, Filter, Period, Query
from analytics_core.query.parse import DEFAULT_LIMIT, MAX_DAYS, check_query
from analytics_core.ui import address, comparisons, intervals, periods, session
from analytics_core.ui import filter_chips as filters


@dataclass(frozen=True, slots=True)
class View:
    """The handle, the period and the filters that all questions of a page share."""

    handle: str
    period: Period
    filters: tuple[Filter, ...]
    comparison: comparisons.Comparison | None = None

    def query(
        self,
        group_by: str | None,
        *,
        limit: int | None = None,
        compare: bool = False,
        confidence: bool = False,
        funnel: bool = False,
        conversion_day: ConversionDay = "conversion",
    ) -> Query:
        compared = self.comparison if compare else None
        return Query(
            handle=self.handle,
            group_by=group_by,
            period=self.period,
            filters=self.filters,
            limit=limit or (MAX_DAYS if group_by == "day" else DEFAULT_LIMIT),
            compare=compared.compare if compared else None,
            match_weekdays=compared is not None and compared.match_weekdays,
            interval=intervals.chosen(self.period) if group_by == "day" else "day",
            confidence=confidence,
            funnel=funnel,
            conversion_day=conversion_day,
        )


def bar(*, compares: bool = False) -> View:
    """Draws the bar; a page that compares has a choice of the earlier period in it.

    Raises HandleNotFoundError and the errors of the parameters, as the API does.
    """
    with st.container(key="bar", horizontal=True, vertical_alignment="center", gap="small"):
        handle = _chosen_handle()
        drawer = filters.drawer()
        period = periods.picker(session.timezone_of(handle))
        comparison = comparisons.chooser(period) if compares else None
    view = View(handle, period, address.filters(), comparison)
    filters.chips(view.filters)
    check_query(view.query("day", compare=compares))
    filters.fill(drawer, view.handle, view.query)
    return view


def handle_chooser() -> str:
    """The bar of a page about a handle alone. Raises HandleNotFoundError."""
    with st.container(key="bar", horizontal=True, vertical_alignment="center", gap="small"):
        return _chosen_handle()


def _chosen_handle() -> str:
    handles = _offered()
    chosen = address.read("handle") or next(iter(handles), "")
    if chosen and chosen not in handles and session.is_readable(chosen):
        handles = (chosen, *handles)
    st.session_state["handle"] = chosen if chosen in handles else None
    st.selectbox(
        "Handle",
        handles,
        key="handle",
        placeholder="Choose a handle",
        on_change=_write_handle,
        label_visibility="collapsed",
        width=200,
    )
    if not chosen:
        raise HandleNotFoundError("You have a role on no handle yet; ask an owner to add you.")
    session.check_readable(chosen)
    address.change(handle=chosen)
    return chosen


def _offered() -> tuple[str, ...]:
    """The handles of the actor; to reviewers, who have all of them, those that they look for."""
    if not session.actor().is_staff:
        return session.visible_handles()
    text = st.text_input(
        "Find a handle", placeholder="Find a handle", key="find-handle", label_visibility="collapsed", width=160
    )
    return session.find_handles(text)


def _write_handle() -> None:
    """Another handle has other links and campaigns: filters by them would find nothing."""
    address.change(handle=st.session_state["handle"], slug="", campaignId="")
