"""The audit log of a handle as a table, newest first."""

from __future__ import annotations

import json

import polars as pl
import streamlit as st

from analytics_core.access.rules import Action
from analytics_core.bootstrap import shared
from analytics_core.errors import InsufficientRoleError
from analytics_core.store.audit_events import AuditEvent
from analytics_core.ui import session

SHOWN = 500


def events(handle: str) -> tuple[AuditEvent, ...]:
    """Raises InsufficientRoleError for who is neither owner nor reviewer."""
    shared().policy.check(session.actor(), Action.READ_AUDIT, handle)
    return shared().audit.events(handle, limit=SHOWN)


def of_the_platform() -> tuple[AuditEvent, ...]:
    """What concerns no handle, for reviewers; nothing for others."""
    try:
        shared().policy.check_reviewer(session.actor())
    except InsufficientRoleError:
        return ()
    return shared().audit.events(None, limit=SHOWN)


def table(found: tuple[AuditEvent, ...]) -> None:
    st.dataframe(
        pl.DataFrame(
            {
                "When": [f"{event.at:%Y-%m-%d %H:%M:%S}" for event in found],
                "Who": [event.actor for event in found],
                "What": [event.action for event in found],
                "Detail": [json.dumps(event.detail, ensure_ascii=False) for event in found],
                "Request": [event.request_id for event in found],
            }
        ),
        hide_index=True,
        height="auto",
        alt="Who did what, newest first",
    )
    if len(found) == SHOWN:
        st.caption(f"The last {SHOWN}; the API has all of them.")
