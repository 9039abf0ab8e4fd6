"""The funnel on a screen: its choices, its steps as a figure, its rows, and what became of every post."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from analytics_core.model import Answer, ConversionDay, Funnel, Metrics, Posts, Stage
from analytics_core.quality.funnel import rate
from analytics_core.query.catalog import GROUPINGS
from analytics_core.ui import address, breakdown_table, cards, charts, filter_chips, session, wording

_STAGES = {
    "clicks": "Clicks",
    "qualifiedClicks": "Qualified clicks",
    "conversions": "Conversions",
}
_DAYS: dict[str, ConversionDay] = {"Day of the conversion": "conversion", "Day of the click": "click"}
_DAY_SENTENCES: dict[ConversionDay, str] = {
    "conversion": "Conversions and revenue count on the day on which they happened, as on the overview.",
    "click": "Conversions and revenue count on the day of their click: what the clicks of these days led to.",
}
_OUTCOMES = {
    "accepted": ("Accepted", "Counted, with their click."),
    "click_not_yet_seen": (
        "Click not yet seen",
        "Counted by the next sync, and under “Pending” until the log line of their click arrives.",
    ),
    "duplicate": ("Duplicate", "The same key again: counted once."),
    "key_reused": ("Key reused", "A key that had been used with other content. Make a new one per conversion."),
    "expired": ("Expired", "The click was longer ago than its ctx is valid."),
    "bad_signature": ("Bad signature", "A ctx that was not made here, or was changed on the way."),
    "invalid_field": ("Invalid field", "A field had a wrong value; the answer named it."),
    "rate_limited": ("Rate limited", "Too many from one address; the shop should send them again later."),
}


def choosers() -> tuple[str | None, ConversionDay]:
    """The dimension that the funnel is split by (None: none), and the day on which conversions count."""
    split, counted = address.read("split"), address.read("counted", "conversion")
    st.session_state["split"] = split if split in GROUPINGS else ""
    st.session_state["counted"] = next((label for label, day in _DAYS.items() if day == counted), next(iter(_DAYS)))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.segmented_control(
            "Conversions count on the",
            list(_DAYS),
            key="counted",
            required=True,
            label_visibility="collapsed",
            on_change=_write,
        )
        st.selectbox(
            "Split by",
            ["", *GROUPINGS],
            format_func=lambda name: f"Split by {filter_chips.plural(name).lower()}" if name else "No split",
            key="split",
            label_visibility="collapsed",
            width=200,
            on_change=_write,
        )
    day = _DAYS[st.session_state["counted"]]
    st.caption(_DAY_SENTENCES[day])
    return st.session_state["split"] or None, day


def metric_row(answer: Answer, funnel: Funnel) -> None:
    """How many converted, how fast, and for how much."""
    totals, times = answer.totals, funnel.time_to_conversion
    with st.grid(4, min_column_width=190, gap="small"):
        st.metric(
            "Conversion rate",
            _rate(totals),
            help="Conversions per qualified click.",
            border=True,
            height="stretch",
        )
        st.metric(
            "Median time",
            wording.seconds(times.median_seconds) if times else "–",
            help="From the click: half of the conversions took no longer.",
            border=True,
            height="stretch",
        )
        st.metric(
            "90% within",
            wording.seconds(times.p90_seconds) if times else "–",
            help="From the click: nine of ten conversions took no longer.",
            border=True,
            height="stretch",
        )
        cards.revenue(answer)


def steps(funnel: Funnel) -> None:
    """The figure, and impressions beneath it, where there are any."""
    shown = funnel.stages
    figure = go.Figure(
        go.Funnel(
            y=[_STAGES[stage.name] for stage in shown],
            x=[stage.count for stage in shown],
            textinfo="none",
            hovertemplate="%{y}: %{x:,}<extra></extra>",
            connector={"line": {"width": 0}},
        )
    )
    figure.update_layout(
        height=76 * len(shown) + 20, margin={"l": 0, "r": 4, "t": 8, "b": 0}, showlegend=False, dragmode=False
    )
    figure.update_xaxes(visible=False, fixedrange=True)
    figure.update_yaxes(
        title=None,
        fixedrange=True,
        automargin=True,
        showgrid=False,
        tickvals=[_STAGES[stage.name] for stage in shown],
        ticktext=[_label(stage, place) for place, stage in enumerate(shown)],
    )
    said = ", ".join(f"{wording.exact(stage.count)} {_STAGES[stage.name].lower()}" for stage in shown)
    st.plotly_chart(figure, config=charts.CONFIG, alt=f"From step to step: {said}.")
    for reason in (stage.reason for stage in shown if stage.reason):
        st.caption(f":material/info: {reason}")
    impressions = funnel.impressions
    if impressions.count:
        each = impressions.per_qualified_click
        word = "impression" if impressions.count == 1 else "impressions"
        per_click = "" if each is None else f", {each:,} per qualified click"
        st.caption(
            f":material/visibility: {wording.exact(impressions.count)} {word}{per_click}: signals of intent, which "
            "stand beside the funnel."
        )


def _rate(metrics: Metrics) -> str:
    """Conversions per qualified click, where that is a share."""
    share = rate(metrics.conversions, metrics.qualified_clicks)
    return "–" if share is None else wording.percent(share)


def _label(stage: Stage, place: int) -> str:
    """Name and count, how many came from the step before, and, where that is another one, from the first."""
    before, whole = stage.rate_from_previous, stage.rate_from_first
    part = "" if before is None else f" · {wording.percent(before)}"
    of_first = "" if place < 2 or whole is None else f"<br>{wording.percent(whole)} of clicks"
    return f"{_STAGES[stage.name]}<br><b>{wording.short(stage.count)}</b>{part}{of_first}"


def finality(answer: Answer, funnel: Funnel) -> None:
    """Which days can still change."""
    last = answer.query.period.to_day
    if funnel.final_through is None:
        st.caption(":material/hourglass_empty: No day is final yet: clicks of every day can still convert.")
    elif funnel.final_through < last:
        st.caption(
            f":material/hourglass_empty: Final through {wording.day(funnel.final_through)}: later clicks can still "
            "convert."
        )
    else:
        st.caption(":material/check_circle: All days are final: none of their clicks can convert any more.")


def rows(answer: Answer) -> None:
    """The steps of every key, and for days whether they can still change."""
    names = session.names(answer)
    title = breakdown_table.title(answer.group_by)
    metrics = [row.metrics for row in answer.rows]
    frame = pl.DataFrame(
        {
            "name": [names[row.key] for row in answer.rows],
            "final": ["final" if row.is_final else "not final" for row in answer.rows],
            "clicks": [one.clicks for one in metrics],
            "qualified": [one.qualified_clicks for one in metrics],
            "conversions": [one.conversions for one in metrics],
            "rate": [_rate(one) for one in metrics],
            "impressions": [one.impressions for one in metrics],
            **breakdown_table.money_of(answer),
        }
    )
    counts = {"clicks": "Clicks", "qualified": "Qualified", "conversions": "Conversions", "impressions": "Impressions"}
    configured: dict[str, Any] = {
        "name": st.column_config.TextColumn(title),
        **{name: st.column_config.NumberColumn(label, format="localized") for name, label in counts.items()},
        "rate": st.column_config.TextColumn("Rate", alignment="right", help="Conversions per qualified click"),
        **breakdown_table.money_columns(answer),
        "final": st.column_config.TextColumn("State", help="Clicks of a final day can convert no more"),
    }
    st.dataframe(
        frame if answer.group_by == "day" else frame.drop("final"),
        hide_index=True,
        height="auto",
        alt=f"The funnel by {title.lower()}: {charts.sentence(answer)}",
        column_config=configured,
    )


def outcomes(posts: Posts) -> None:
    """Every post of a conversion in the outcome that it had."""
    found = [(label, getattr(posts, name), meaning) for name, (label, meaning) in _OUTCOMES.items()]
    total = sum(count for _, count, _ in found)
    if not total:
        st.caption("Nobody posted a conversion on these days.")
        st.code("POST /v2/public/conversions", language="http")
        return
    frame = pl.DataFrame(
        [one for one in found if one[1] or one[0] == "Accepted"], schema=["outcome", "posts", "meaning"], orient="row"
    )
    st.dataframe(
        frame,
        hide_index=True,
        height="auto",
        alt=f"{wording.exact(total)} posts of conversions, by what became of them.",
        column_config={
            "outcome": st.column_config.TextColumn("Outcome"),
            "posts": st.column_config.NumberColumn("Posts", format="localized"),
            "meaning": st.column_config.TextColumn("What it means", width="large"),
        },
    )
    st.caption(f"{wording.exact(total)} posts. None is dropped.")


def _write() -> None:
    day = _DAYS[st.session_state["counted"]]
    address.change(split=st.session_state["split"], counted="" if day == "conversion" else day)
