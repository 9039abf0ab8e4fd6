"""Funnel: how many clicks became conversions, how fast, and what became of every conversion that was posted."""

import streamlit as st

from analytics_core.ui import cards, filters, funnel, problems, session, standing, view

with problems.told(stop=True):
    shown = view.bar()
    split, counted = funnel.choosers()
    answer = session.ask(shown.query(split, confidence=True, funnel=True, conversion_day=counted))

standing.badges(session.freshness(), answer.confidence, session.now())
steps, totals = answer.funnel, answer.totals
if steps is None:
    st.stop()

if totals.impressions or totals.clicks or totals.conversions:
    funnel.metric_row(answer, steps)
    with cards.card("From click to conversion", note=cards.period_note(shown.period)):
        funnel.steps(steps)
        funnel.finality(answer, steps)
        standing.special_keys(answer)
    if split:
        with cards.card(f"Funnel by {filters.DIMENSIONS[split].lower()}"):
            funnel.rows(answer)
else:
    standing.nothing_yet(session.freshness())

with cards.card("Where are my conversions?"):  # also of those that were all refused
    funnel.outcomes(steps.posts)
