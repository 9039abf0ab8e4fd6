"""A breakdown as chart and table. Selecting a bar or a row narrows the page to its key."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from analytics_core.dimensions import WEEKDAY_HOUR
from analytics_core.metrics import METRICS
from analytics_core.model import NOT_TRACKED, Answer, Period, Row
from analytics_core.query.catalog import GROUPINGS
from analytics_core.store.lake_tables import MONEY
from analytics_core.ui import address, cards, charts, filter_chips, intervals, wording

_LABELS = {one.name: one.label for one in METRICS}


def title(dimension: str) -> str:
    """What one row of the dimension, or of days in an interval, is."""
    return GROUPINGS[dimension].label if dimension in GROUPINGS else dimension.capitalize()


def chart(answer: Answer, names: Mapping[str, str]) -> None:
    """Days as a course, hours of the week as a map, everything else as the largest keys."""
    dimension = answer.group_by
    if dimension == WEEKDAY_HOUR:
        st.plotly_chart(charts.heat_map(answer), config=charts.CONFIG, alt=charts.sentence(answer))
        st.caption("Clicks an hour, in the time zone of the page.")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        cards.legend()
        if dimension == "day":
            intervals.chooser(answer.query.period)
    if dimension == "day":
        st.plotly_chart(charts.clicks_over_time(answer), config=charts.CONFIG, alt=charts.sentence(answer))
        return
    key = _widget_key("chart", answer)
    st.plotly_chart(
        charts.largest_keys(answer, names),
        config=charts.CONFIG,
        alt=charts.sentence(answer),
        key=key,
        on_select=partial(_narrow_to_point, key, dimension, answer.query.period),
        selection_mode="points",
    )
    if len(answer.rows) > charts.TOP:
        st.caption(f"The {charts.TOP} largest of {len(answer.rows)}; all of them below.")


def rows(answer: Answer, names: Mapping[str, str]) -> None:
    """Every row with its share of the total and its change against the previous period."""
    dimension = answer.group_by
    key, key_label = _widget_key("rows", answer), GROUPINGS[dimension].key_label
    keys = [row.key for row in answer.rows]
    name = title(answer.query.key_name)
    narrows = dimension == "day" or GROUPINGS[dimension].filters
    st.dataframe(
        _table(answer, names),
        hide_index=True,
        placeholder="–",
        height="auto",
        key=key,
        on_select=partial(_narrow_to_row, key, dimension, keys, answer.query.period) if narrows else "ignore",
        selection_mode="single-row",
        alt=f"{name} by {name.lower()}: {charts.sentence(answer)}",
        column_config={
            "name": st.column_config.TextColumn(name),
            "key": st.column_config.TextColumn(key_label, width="small"),
            "clicks": st.column_config.NumberColumn(_LABELS["clicks"], format="localized"),
            "share": st.column_config.ProgressColumn("Share", format="%.1f%%", min_value=0, max_value=100),
            "qualified": st.column_config.NumberColumn(_LABELS["qualifiedClicks"], format="localized"),
            "bots": st.column_config.NumberColumn(_LABELS["botClicks"], format="localized"),
            "conversions": st.column_config.NumberColumn(_LABELS["conversions"], format="localized"),
            "impressions": st.column_config.NumberColumn(_LABELS["impressions"], format="localized"),
            **money_columns(answer),
            "previous": st.column_config.NumberColumn("Before", format="localized", help="Clicks in that period"),
            "change": st.column_config.TextColumn("Change", alignment="right", help="Clicks against before"),
        },
        column_order=[name for name in _columns(answer) if name != "key" or key_label],
    )
    if narrows:
        st.caption("Tick a row, or select a bar, to see only its clicks.")


_COLUMNS = {
    "name": pl.String,
    "key": pl.String,
    "clicks": pl.Int64,
    "share": pl.Float64,
    "qualified": pl.Int64,
    "bots": pl.Int64,
    "conversions": pl.Int64,
}
_COMPARISON = {"previous": pl.Int64, "change": pl.String}


def money_columns(answer: Answer) -> dict[str, Any]:
    """The configuration of the columns of `money_of`: as many decimals in every row, and none that is there cut off."""
    return {
        column: st.column_config.NumberColumn(
            f"Revenue {code}", format="localized", step=10.0 ** -wording.decimals(amounts, code)
        )
        for code, (column, amounts) in zip(answer.totals.revenue_by_currency, money_of(answer).items(), strict=True)
    }


def money_of(answer: Answer) -> dict[str, pl.Series]:
    """Revenue of every row, one column a currency."""
    return {
        f"revenue_{code}": pl.Series(
            [row.metrics.revenue_by_currency.get(code, Decimal(0)) for row in answer.rows], dtype=MONEY
        )
        for code in answer.totals.revenue_by_currency
    }


def _columns(answer: Answer) -> list[str]:
    impressions = ["impressions"] if answer.query.shows_impressions else []
    return [*_COLUMNS, *impressions, *money_columns(answer), *_COMPARISON]


def _table(answer: Answer, names: Mapping[str, str]) -> pl.DataFrame:
    total = answer.totals.clicks or 1
    before = [_clicks_before(answer, row) for row in answer.rows]
    counts = pl.DataFrame(
        {
            "name": [names[row.key] for row in answer.rows],
            "key": ["" if row.key.startswith("(") else row.key for row in answer.rows],
            "clicks": [row.metrics.clicks for row in answer.rows],
            "share": [100 * row.metrics.clicks / total for row in answer.rows],
            "qualified": [row.metrics.qualified_clicks for row in answer.rows],
            "bots": [row.metrics.bot_clicks for row in answer.rows],
            "conversions": [row.metrics.conversions for row in answer.rows],
        },
        schema=_COLUMNS,
    )
    changes = [
        None if earlier is None else wording.change(row.metrics.clicks, earlier)
        for row, earlier in zip(answer.rows, before, strict=True)
    ]
    return counts.with_columns(
        **money_of(answer),
        impressions=pl.Series([row.metrics.impressions for row in answer.rows], dtype=pl.Int64),
        previous=pl.Series(before, dtype=pl.Int64),
        change=pl.Series(changes, dtype=pl.String),
    )


def _clicks_before(answer: Answer, row: Row) -> int | None:
    """Clicks one period earlier; None where the dimension was not tracked all that time, which is no comparison."""
    since = answer.tracked_from
    earlier = answer.previous_period
    if since and row.key != NOT_TRACKED and earlier and earlier.from_day < since:
        return None
    return row.previous.clicks if row.previous else None


def _widget_key(kind: str, answer: Answer) -> str:
    """Names the question too, so that a selection does not outlive it."""
    return f"{kind}-{answer.group_by}-{sorted(address.link().items())}"


def _narrow_to_point(key: str, dimension: str, period: Period) -> None:
    points = st.session_state[key].selection.points
    if points:
        filter_chips.narrow(dimension, str(points[0]["customdata"]), period)


def _narrow_to_row(key: str, dimension: str, keys: list[str], period: Period) -> None:
    selected = st.session_state[key].selection.rows
    if selected:
        filter_chips.narrow(dimension, keys[selected[0]], period)
