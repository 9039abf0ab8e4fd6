"""Figures: clicks over time, and the ten largest keys of a breakdown. Colours come from the theme, in its order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from analytics_core.model import Answer, Row
from analytics_core.ui import wording

CONFIG: dict[str, Any] = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False, "showTips": False}
TOP = 10

_BARS_UP_TO_DAYS = 100
_MARGIN = {"l": 0, "r": 4, "t": 8, "b": 0}
_HATCH = {"shape": "/", "fillmode": "replace", "size": 5, "solidity": 0.45}


def clicks_over_time(answer: Answer) -> go.Figure:
    """Clicks a day, qualified below and bots hatched on top; lines instead of bars where days get too narrow."""
    days = [wording.parse_day(row.key) for row in answer.rows]
    qualified = [row.metrics.qualified_clicks for row in answer.rows]
    bots = [row.metrics.bot_clicks for row in answer.rows]
    totals = [row.metrics.clicks for row in answer.rows]
    hover = ("%{y:,} qualified<extra></extra>", "%{y:,} bots, %{customdata:,} in all<extra></extra>")
    figure = go.Figure()
    if len(days) <= _BARS_UP_TO_DAYS:
        figure.add_bar(x=days, y=qualified, name="Qualified", hovertemplate=hover[0])
        figure.add_bar(
            x=days, y=bots, name="Bots", customdata=totals, hovertemplate=hover[1], marker={"pattern": _HATCH}
        )
    else:
        shape = {"stackgroup": "clicks", "mode": "lines"}
        figure.add_scatter(x=days, y=qualified, name="Qualified", hovertemplate=hover[0], line={"width": 1.5}, **shape)
        figure.add_scatter(
            x=days,
            y=bots,
            name="Bots",
            customdata=totals,
            hovertemplate=hover[1],
            line={"width": 1.5, "dash": "dot"},
            fillpattern=_HATCH,
            **shape,
        )
    figure.update_layout(
        height=300,
        margin=_MARGIN,
        barmode="stack",
        bargap=0.22 if len(days) <= 45 else 0.08,
        showlegend=False,
        hovermode="x unified",
        dragmode=False,
    )
    figure.update_xaxes(
        showgrid=False,
        title=None,
        tickformat="%-d %b",
        hoverformat="%A, %-d %b %Y",
        fixedrange=True,
        nticks=8,
        showspikes=False,
    )
    figure.update_yaxes(title=None, tickformat="~s", rangemode="tozero", fixedrange=True, nticks=5)
    return figure


def largest_keys(answer: Answer, names: Mapping[str, str]) -> go.Figure:
    """The largest keys as horizontal bars, the largest on top; a point's customdata is its key."""
    rows = [row for row in answer.rows[:TOP] if row.metrics.clicks][::-1]
    keys = [row.key for row in rows]
    figure = go.Figure()
    figure.add_bar(
        y=keys,
        x=[row.metrics.qualified_clicks for row in rows],
        customdata=keys,
        orientation="h",
        hovertemplate="%{x:,} qualified<extra></extra>",
    )
    figure.add_bar(
        y=keys,
        x=[row.metrics.bot_clicks for row in rows],
        customdata=keys,
        orientation="h",
        hovertemplate="%{x:,} bots<extra></extra>",
        marker={"pattern": _HATCH},
        text=[f"{wording.short(row.metrics.clicks)}" for row in rows],
        textposition="outside",
        cliponaxis=False,
    )
    figure.update_layout(
        height=34 * len(rows) + 24,
        margin=_MARGIN | {"r": 44},
        barmode="stack",
        bargap=0.3,
        showlegend=False,
        hovermode="y unified",
        dragmode=False,
        clickmode="event+select",
    )
    figure.update_xaxes(visible=False, fixedrange=True)
    figure.update_yaxes(
        title=None,
        fixedrange=True,
        showgrid=False,
        automargin=True,
        type="category",
        tickvals=keys,
        ticktext=[_shortened(names[key]) for key in keys],
    )
    return figure


def sentence(answer: Answer) -> str:
    """The answer in words, for those who do not see the chart."""
    totals = answer.totals
    said = (
        f"{wording.exact(totals.clicks)} clicks from {wording.days(answer.query.period)}: "
        f"{wording.exact(totals.qualified_clicks)} qualified and {wording.exact(totals.bot_clicks)} by bots."
    )
    top = largest(answer)
    if top is None:
        return said
    name = wording.key_name(answer.group_by, top.key)
    return f"{said} Largest: {name} with {wording.exact(top.metrics.clicks)}."


def largest(answer: Answer) -> Row | None:
    """The row with the most clicks; None where there are none."""
    row = max(answer.rows, key=lambda row: row.metrics.clicks, default=None)
    return row if row and row.metrics.clicks else None


def _shortened(name: str, limit: int = 22) -> str:
    return name if len(name) <= limit else f"{name[: limit - 1]}…"
