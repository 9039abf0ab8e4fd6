"""Breakdown: one dimension of the clicks as chart and table; a click on either filters by it."""

import streamlit as st

from analytics_core.ui import (
    breakdown_table,
    cards,
    download_buttons,
    filter_chips,
    number_notices,
    problems,
    session,
    view,
)

with problems.told(stop=True):
    shown = view.bar(compares=True)
    dimension = filter_chips.dimension_chooser()
    answer = session.ask(shown.query(dimension, compare=True))
    names = session.names(answer)

if not answer.totals.clicks:
    number_notices.nothing_yet(session.freshness())
    st.stop()

number_notices.compared(answer)
with cards.card(filter_chips.plural(dimension), note=cards.period_note(shown.period)):
    breakdown_table.chart(answer, names)
    breakdown_table.rows(answer, names)
    number_notices.special_keys(answer)

with cards.card("Download"):
    download_buttons.buttons(shown.query(dimension))
