"""Overview: how many clicks, when, and from where, with what is known about the numbers."""

import streamlit as st

from analytics_core.ui import cards, charts, intervals, number_notices, problems, session, view

CARDS = {"Top links": "slug", "Countries": "country", "Referrers": "referrer", "Devices": "device"}

with problems.told(stop=True):
    shown = view.bar(compares=True)
    days = session.ask(shown.query("day", compare=True, confidence=True))

number_notices.badges(session.freshness(), days.confidence, session.now())
number_notices.compared(days)
number_notices.untracked_filters(days)
if not days.totals.clicks:
    number_notices.nothing_yet(session.freshness())
    st.stop()

cards.metric_row(days)
with cards.card("Clicks over time", note=cards.period_note(shown.period)):
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        cards.legend()
        intervals.chooser(shown.period)
    st.plotly_chart(charts.clicks_over_time(days), config=charts.CONFIG, alt=charts.sentence(days))

with st.grid(2, min_column_width=320):
    for title, dimension in CARDS.items():
        with cards.card(title):
            answer = session.ask(shown.query(dimension, limit=6))
            cards.bar_list(answer, session.names(answer))
