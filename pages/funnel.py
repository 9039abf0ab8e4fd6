"""Funnel: how many clicks became conversions, how fast, and what became of every conversion that was posted."""

import streamlit as st

from analytics_core.ui import cards, filter_chips, funnel_cards, number_notices, problems, session, view

with problems.told(stop=True):
    shown = view.bar()
    split, counted = funnel_cards.choosers()
    answer = session.ask(shown.query(split, confidence=True, funnel=True, conversion_day=counted))

number_notices.badges(session.freshness(), answer.confidence, session.now())
steps, totals = answer.funnel, answer.totals
if steps is None:
    st.stop()

if totals.impressions or totals.clicks or totals.conversions:
    funnel_cards.metric_row(answer, steps)
    with cards.card("From click to conversion", note=cards.period_note(shown.period)):
        funnel_cards.steps(steps)
        funnel_cards.finality(answer, steps)
        number_notices.special_keys(answer)
    if split:
        with cards.card(f"Funnel by {filter_chips.plural(split).lower()}"):
            funnel_cards.rows(answer)
else:
    number_notices.nothing_yet(session.freshness())

with cards.card(
    "Where are my conversions?", note="Posts on UTC days, whatever the filters"
):  # also of those that were all refused
    funnel_cards.outcomes(steps.posts)
