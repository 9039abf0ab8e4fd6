"""Figures: clicks over time, and the ten largest keys of a breakdown. Colours come from the theme, in its order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from analytics_core.model import Answer, Interval, Row
from analytics_core.ui import wording

CONFIG: dict[str, Any] = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False, "showTips": False}
TOP = 10

_MOST_BARS = 100
_TIMES: dict[Interval, dict[str, Any]] = {
    "hour": {"tickformat": "%H:%M\n%-d %b", "hoverformat": "%A, %-d %b %Y, %H:%M"},
    "day": {"tickformat": "%-d %b", "hoverformat": "%A, %-d %b %Y"},
    "week": {"tickformat": "%-d %b", "hoverformat": "Week from %A, %-d %b %Y"},
    "month": {"tickformat": "%b %Y", "hoverformat": "%B %Y"},
}
_MARGIN = {"l": 0, "r": 4, "t": 8, "b": 0}
_NOT_OVER = 0.45  # opacity
_HATCH = {"shape": "/", "fillmode": "replace", "size": 5, "solidity": 0.45}


def clicks_over_time(answer: Answer) -> go.Figure:
    """Clicks an hour, day, week or month, qualified below and bots hatched on top; lines instead of bars where those
    get too narrow. The bar of a time that is not over is faint."""
    days = [wording.begin_of_key(row.key) for row in answer.rows]
    qualified = [row.metrics.qualified_clicks for row in answer.rows]
    bots = [row.metrics.bot_clicks for row in answer.rows]
    totals = [row.metrics.clicks for row in answer.rows]
    hover = ("%{y:,} qualified<extra></extra>", "%{y:,} bots, %{customdata:,} in all<extra></extra>")
    figure = go.Figure()
    if len(days) <= _MOST_BARS:
        shown = [_NOT_OVER if answer.so_far and place == len(days) else 1.0 for place in range(1, len(days) + 1)]
        said = [text if one == 1 else text.replace("<extra>", " so far<extra>") for one in shown for text in hover]
        figure.add_bar(x=days, y=qualified, name="Qualified", hovertemplate=said[::2], marker={"opacity": shown})
        figure.add_bar(
            x=days,
            y=bots,
            name="Bots",
            customdata=totals,
            hovertemplate=said[1::2],
            marker={"pattern": _HATCH, "opacity": shown},
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
        **_TIMES[answer.query.interval],
        **_ticks(answer.query.interval, len(days)),
        fixedrange=True,
        nticks=8,
        showspikes=False,
    )
    figure.update_yaxes(title=None, tickformat="~s", rangemode="tozero", fixedrange=True, nticks=5)
    return figure


def _ticks(interval: Interval, count: int) -> dict[str, Any]:
    """Of weeks and months, ticks where they begin; about eight of them."""
    every = -(-count // 8)
    match interval:
        case "week":
            return {"tick0": "2001-01-01", "dtick": every * 7 * 86_400_000}  # a Monday; milliseconds
        case "month":
            return {"tick0": "2001-01-01", "dtick": f"M{every}"}
        case _:
            return {}


def heat_map(answer: Answer) -> go.Figure:
    """Clicks an hour on every hour of the week: rows are days from Monday on, columns hours."""
    cells = {row.key: row for row in answer.rows}
    keys = [[f"{day}-{hour:02d}" for hour in range(24)] for day in range(1, 8)]
    rates = [[_an_hour(cells[key]) for key in of_day] for of_day in keys]
    said = [[_cell_sentence(cells[key]) for key in of_day] for of_day in keys]
    figure = go.Figure()
    figure.add_heatmap(
        z=rates,
        x=[f"{hour:02d}" for hour in range(24)],
        y=[day[:3] for day in wording.WEEKDAYS],
        customdata=said,
        hovertemplate="%{customdata}<extra></extra>",
        xgap=2,
        ygap=2,
        zmin=0,
        colorscale=[[0, "rgba(20,140,125,0.07)"], [1, "rgba(20,140,125,1)"]],
        colorbar={"title": None, "thickness": 8, "outlinewidth": 0, "tickformat": "~s", "nticks": 4},
    )
    figure.update_layout(height=300, margin=_MARGIN, dragmode=False, plot_bgcolor="rgba(0,0,0,0)")
    figure.update_xaxes(title=None, fixedrange=True, showgrid=False, type="category", tickangle=0, nticks=12)
    figure.update_yaxes(
        title=None, fixedrange=True, showgrid=False, type="category", autorange="reversed", ticksuffix=" "
    )
    return figure


def _an_hour(row: Row) -> float | None:
    """Clicks an hour; None where the range has no such hour."""
    return float(row.metrics.clicks / row.hours) if row.hours else None


def _cell_sentence(row: Row) -> str:
    name = wording.key_name("weekdayHour", row.key)
    if not row.hours:
        return f"{name}: not in this period"
    hours = f"{row.hours.normalize():f}"
    return f"{name}<br>{wording.exact(row.metrics.clicks)} clicks in {hours} {'hour' if hours == '1' else 'hours'}"


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
    name = wording.key_name(answer.query.key_name, top.key)
    return f"{said} Largest: {name} with {wording.exact(top.metrics.clicks)}."


def largest(answer: Answer) -> Row | None:
    """The row with the most clicks; None where there are none."""
    row = max(answer.rows, key=lambda row: row.metrics.clicks, default=None)
    return row if row and row.metrics.clicks else None


def _shortened(name: str, limit: int = 22) -> str:
    return name if len(name) <= limit else f"{name[: limit - 1]}…"
