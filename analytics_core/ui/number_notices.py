"""What is known about the numbers: how current and certain they are, what their odd keys mean, why there are none."""

from __future__ import annotations

import html
from datetime import datetime

import streamlit as st

from analytics_core.model import NOT_TRACKED, OTHER, PENDING, Answer, Confidence, Factor, Freshness, FreshnessStatus
from analytics_core.query.catalog import FILTERS, GROUPINGS
from analytics_core.ui import wording

_FRESHNESS = {
    FreshnessStatus.FRESH: ":green[:material/check_circle:] Up to date",
    FreshnessStatus.STALE: ":orange[:material/schedule:] Behind",
    FreshnessStatus.UNKNOWN: ":gray[:material/help:] Never synced",
}


def badges(freshness: Freshness, confidence: Confidence | None, now: datetime) -> None:
    """How current and how certain the numbers are; the reasons open on demand."""
    updated = freshness.last_updated_at
    when = f" · {wording.ago(updated, now)}" if updated else ""
    with st.container(horizontal=True, gap="small"):
        with st.popover(_FRESHNESS[freshness.status] + when, type="tertiary"):
            st.markdown(_freshness_sentence(freshness))
            for source, percent in freshness.sampling.items():
                st.markdown(f"`{source}` logs {percent}% of its requests: counts from it are a sample.")
        if confidence is not None:
            with st.popover(f"{_mark(confidence)} Confidence {confidence.score}", type="tertiary"):
                _reasons(confidence)


def compared(answer: Answer) -> None:
    """Says which days the page compares with, and that they end at the same time while the last day goes on."""
    earlier = answer.previous_period
    if earlier is None:
        return
    until = ", up to the same time of its last day" if answer.so_far else ""
    st.caption(f"Compared with {wording.days(earlier)}{until}.")


def special_keys(answer: Answer) -> None:
    """Says what the keys mean that are no value of the dimension."""
    keys = {row.key for row in answer.rows}
    dimension = GROUPINGS[answer.group_by].label.lower() if answer.group_by else ""
    meanings = {
        PENDING: "**Pending**: conversions whose click is not in the logs yet; they move to their row when it is.",
        NOT_TRACKED: f"**Not tracked**: clicks whose log line did not carry the {dimension}.",
        OTHER: "**All others**: the remaining rows together, so that the table adds up to the total.",
        wording.UNKNOWN_COUNTRY: "**Unknown country** (`ZZ`): the log carries countries, but had none for these.",
    }
    for key, meaning in meanings.items():
        if key in keys:
            st.caption(meaning)
    since = answer.tracked_from
    if since and answer.query.period.from_day < since:
        st.info(
            f"The {dimension} is in the logs since {wording.day(since)}. Clicks before that day count under "
            "“Not tracked”; nothing is dropped.",
            icon=":material/event_upcoming:",
        )


def untracked_filters(answer: Answer) -> None:
    """Says that days look empty on which the logs did not carry what is filtered by."""
    kept = [one for one in answer.query.filters if not one.exclude and NOT_TRACKED not in one.values]
    names = [FILTERS[one.dimension].label.lower() for one in kept if FILTERS[one.dimension].tracked_as]
    share = next((one.value for one in _factors(answer) if one.name == "partialTracking"), 0)
    if names and share:
        days = answer.query.period.length
        st.info(
            f"On {round(share * days)} of {days} days the logs did not carry the {' and the '.join(names)}. Clicks of "
            "those days count under “Not tracked”, which the filter leaves out: they are not missing.",
            icon=":material/event_upcoming:",
        )


def nothing_yet(freshness: Freshness) -> None:
    """In place of empty charts: what to do next."""
    if freshness.status is FreshnessStatus.UNKNOWN:
        title = "No logs have been read yet"
        advice = "Point Clickledger at your CloudFront logs, and the first clicks appear here:"
    else:
        title = "No clicks in this period"
        advice = "Choose a longer period, remove a filter, or read newer logs:"
    st.html(f'<div class="state"><h2>{title}</h2><p>{advice}</p></div>')
    with st.container(horizontal_alignment="center"):
        st.code("clickledger sync --source LOGS", language="bash", width="content")


def _factors(answer: Answer) -> tuple[Factor, ...]:
    return answer.confidence.factors if answer.confidence else ()


def _reasons(confidence: Confidence) -> None:
    if not confidence.factors:
        st.markdown("The score is 100: nothing speaks against the numbers.")
        return
    st.markdown("The score is 100 less these penalties:")
    st.html(
        "".join(
            f'<div class="factor"><span>{html.escape(factor.explanation)}</span><b>−{factor.penalty}</b></div>'
            for factor in confidence.factors
        )
    )


def _mark(confidence: Confidence) -> str:
    return ":green[:material/verified:]" if confidence.score >= 70 else ":orange[:material/gpp_maybe:]"


def _freshness_sentence(freshness: Freshness) -> str:
    updated = freshness.last_updated_at
    if updated is None:
        return "No sync has read every source to its end yet, so how current the numbers are is unknown."
    return (
        f"The last sync that read every source to its end finished at {updated:%Y-%m-%d %H:%M} UTC. "
        f"Numbers count as up to date for {freshness.sla_minutes} minutes after that."
    )
