"""What a page is made of: cards that fail alone, the metric row, the legend, bar lists."""

from __future__ import annotations

import html
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Literal

import streamlit as st

from analytics_core.app_sites import sites_with_apps
from analytics_core.model import OTHER, Answer, Metrics, Period, Row
from analytics_core.ui import address, problems, wording

BREAKDOWN = "breakdown.py"
_TOO_LONG = 100_000_000  # for a card; its tooltip has the exact count


@contextmanager
def card(title: str, *, note: str = "") -> Generator[None]:
    """A card with a title. An error inside is told inside: the other cards of the page stand."""
    with st.container(key=f"card-{title.lower().replace(' ', '-')}", gap="small", height="stretch"):
        aside = f'<span class="muted">{html.escape(note)}</span>' if note else ""
        st.html(f'<div class="title"><h3>{html.escape(title)}</h3>{aside}</div>')
        with problems.told():
            yield


def metric_row(answer: Answer) -> None:
    """Clicks, what followed them and what they earned, each with its change and its course over the period."""
    with st.grid(5, min_column_width=190, gap="small"):
        _metric(answer, "Clicks", lambda counts: counts.clicks, "Every redirect of a short link.")
        _metric(answer, "Qualified clicks", lambda counts: counts.qualified_clicks, "Clicks less bot clicks.")
        _metric(
            answer,
            "Bot clicks",
            lambda counts: counts.bot_clicks,
            "Crawlers, link previewers, HTTP libraries. Counted, never dropped.",
            colour="orange",
        )
        _metric(answer, "Conversions", lambda counts: counts.conversions, "What clicks led to, reported once each.")
        revenue(answer)


def revenue(answer: Answer) -> None:
    """The revenue; amounts in several currencies as a list, since their sum is no amount of money."""
    amounts = answer.totals.revenue_by_currency
    if len(amounts) > 1:
        with st.container(border=True, key="revenue", gap="xxsmall", height="stretch"):
            listed = "".join(f"<li>{html.escape(wording.money(amounts[code], code))}</li>" for code in amounts)
            st.html(f'<div class="revenue"><span>Revenue</span><ul>{listed}</ul></div>')
        return
    code, amount = next(iter(amounts.items()), ("", Decimal(0)))
    before = answer.previous_totals.revenue_by_currency if answer.previous_totals else {}
    comparable = bool(amounts) and set(before) <= {code} and answer.previous_totals is not None
    st.metric(
        "Revenue",
        wording.money(amount, code) if amounts else "–",
        wording.change(amount, before.get(code, Decimal(0))) if comparable else None,
        delta_color="primary",
        delta_arrow=_arrow(amount, before.get(code)) if comparable else "off",
        delta_description=_against(answer) if comparable else None,
        help="The value of the conversions."
        + (f" In the period before: {wording.moneys(before)}." if answer.previous_totals else ""),
        chart_data=_course(answer, code),
        chart_type="area",
        border=True,
        height="stretch",
    )


def _metric(
    answer: Answer,
    label: str,
    count: Callable[[Metrics], int],
    meaning: str,
    colour: Literal["primary", "orange"] = "primary",
) -> None:
    now = count(answer.totals)
    before = count(answer.previous_totals) if answer.previous_totals else None
    exactly = f"{wording.exact(now)} in this period"
    if before is not None:
        exactly += f", {wording.exact(before)} in the one before"
    st.metric(
        label,
        wording.exact(now) if now < _TOO_LONG else wording.short(now),
        None if before is None else wording.change(now, before),
        delta_color=colour,
        delta_arrow=_arrow(now, before),
        delta_description=_against(answer),
        help=f"{meaning} {exactly}.",
        chart_data=[count(row.metrics) for row in _ended(answer)],
        chart_type="area",
        border=True,
        height="stretch",
    )


def legend() -> None:
    """The two series in words and in the marks that the charts use."""
    st.html(
        '<div class="legend"><span><i class="qualified"></i>Qualified</span>'
        '<span><i class="bots"></i>Bots (hatched)</span></div>'
    )


def bar_list(answer: Answer, names: Mapping[str, str]) -> None:
    """The rows as short bars; each links to the breakdown, filtered by its key."""
    dimension = answer.group_by
    rows = [row for row in answer.rows if row.metrics.clicks]
    longest = max((row.metrics.clicks for row in rows if row.key != OTHER), default=0)
    with st.container(key=f"bars-{dimension}", gap="xxsmall"):
        for row in rows:
            count = row.metrics.clicks
            filters = {} if row.key == OTHER else address.narrowed(dimension, row.key)
            st.page_link(
                BREAKDOWN,
                label=f"{wording.plain(names[row.key])} **{wording.short(count)}**",
                help=f"{wording.exact(count)} clicks, {wording.share(count, answer.totals.clicks)} of all"
                + (
                    ". Clicks in its app are among them"
                    if dimension == "referrer" and row.key in sites_with_apps()
                    else ""
                ),
                icon="",
                width="stretch",
                query_params=address.link(by=dimension, **filters),
            )
    widths = "".join(
        f".st-key-bars-{dimension} > :nth-child({place}) {{ --share: {100 * row.metrics.clicks / longest:.1f}%; }}"
        for place, row in enumerate(rows, start=1)
        if row.key != OTHER
    )
    st.html(f"<style>{widths}</style>")


def period_note(period: Period) -> str:
    """`1 Feb – 28 Feb 2026, Europe/Berlin`."""
    return f"{wording.days(period)}, {period.timezone}"


def _course(answer: Answer, code: str) -> list[float] | None:
    """The amounts day by day, rounded for a drawing; None where the rows are no days."""
    if not code or answer.group_by != "day" or answer.previous_totals is None:
        return None
    return [float(row.metrics.revenue_by_currency.get(code, 0)) for row in _ended(answer)]


def _ended(answer: Answer) -> Sequence[Row]:
    """The rows without the last one while its time is still going on: its count would look like a fall."""
    return answer.rows[:-1] if answer.so_far and len(answer.rows) > 1 else answer.rows


def _against(answer: Answer) -> str | None:
    """`vs 29 Sep – 28 Oct`: the days that a change refers to, their year where it is another one."""
    if answer.previous_period is None:
        return None
    days, year = wording.days(answer.previous_period), answer.query.period.to_day.year
    return f"vs {days.removesuffix(f' {year}')}"


def _arrow(now: int | Decimal, before: int | Decimal | None) -> Literal["up", "down", "off"]:
    if not before or now == before:
        return "off"
    return "up" if now > before else "down"
