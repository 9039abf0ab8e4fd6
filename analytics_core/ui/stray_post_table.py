"""What was posted and belongs to no handle, as a table for reviewers: the last 30 days."""

from __future__ import annotations

from dataclasses import fields

import polars as pl
import streamlit as st

from analytics_core.bootstrap import shared
from analytics_core.errors import InsufficientRoleError
from analytics_core.model import Posts
from analytics_core.query.parse import parse_period
from analytics_core.store.outcomes import StrayPosts
from analytics_core.ui import session

_OUTCOMES = tuple(one.name for one in fields(Posts) if one.name != "click_not_yet_seen")


def last_days() -> tuple[StrayPosts, ...]:
    """The days that have any; nothing for who is no reviewer."""
    try:
        shared().policy.check_reviewer(session.actor())
    except InsufficientRoleError:
        return ()
    period = parse_period({}, shared().clock())
    return shared().outcomes.strays(period.from_day, period.to_day)


def table(found: tuple[StrayPosts, ...]) -> None:
    counted = {
        name.replace("_", " ").capitalize(): [one.conversions.get(name, 0) for one in found] for name in _OUTCOMES
    }
    st.dataframe(
        pl.DataFrame(
            {"Day": [one.day for one in found]}
            | {title: posts for title, posts in counted.items() if any(posts)}
            | {"Signals": [one.signals for one in found]}
        ).sort("Day", descending=True),
        hide_index=True,
        height="auto",
        alt="Posts that belong to no handle, by UTC day and how they ended",
    )
    st.caption("Conversions whose token names no handle of this platform, and signals of handles that do not exist.")
