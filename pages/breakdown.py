"""Breakdown: one dimension of the clicks as chart and table; a click on either filters by it."""

import streamlit as st

from analytics_core.ui import cards, downloads, filters, problems, session, standing, tables, view

with problems.told(stop=True):
    shown = view.bar()
    dimension = filters.dimension_chooser()
    answer = session.ask(shown.query(dimension, compare=True))
    names = session.names(answer)

if not answer.totals.clicks:
    standing.nothing_yet(session.freshness())
    st.stop()

with cards.card(filters.DIMENSIONS[dimension], note=cards.period_note(shown.period)):
    cards.legend()
    tables.chart(answer, names)
    tables.rows(answer, names)
    standing.special_keys(answer)

with cards.card("Download"):
    downloads.buttons(shown.query(dimension))
