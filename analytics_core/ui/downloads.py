"""Downloads of a breakdown. The gate is below; here it is only drawn: an open button, or a lock and what opens it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from analytics_core.access.actors import Actor
from analytics_core.access.rules import RULES, Action
from analytics_core.access.tokens import LEEWAY
from analytics_core.bootstrap import shared
from analytics_core.errors import TokenExpiredError
from analytics_core.exports import FORMATS, export, filename
from analytics_core.model import Query
from analytics_core.ui import session


def buttons(query: Query) -> None:
    """One button a format, for all rows of the query."""
    actor = session.actor()
    is_open = shared().policy.allows(actor, Action.EXPORT, query.handle)
    with st.container(horizontal=True, gap="small"):
        for name, chosen in FORMATS.items():
            if is_open:
                st.download_button(
                    f"Download {name.upper()}",
                    partial(_file, query, actor, name),
                    file_name=filename(query, name),
                    mime=chosen.media_type,
                    icon=":material/download:",
                    on_click="ignore",  # a rerun would take back the other buttons' files while they are being made
                )
            else:
                st.button(f"Download {name.upper()}", icon=":material/lock:", disabled=True)
    if is_open:
        st.caption("Every row with its exact counts, and a manifest that proves what the file holds.")
    else:
        upgrade_notice(Action.EXPORT, query.handle, "Exports")


def _file(query: Query, actor: Actor, format_name: str) -> bytes:
    """Made when the button is clicked, which may be long after it was drawn.

    Raises TokenExpiredError when the session has ended, FeatureLockedError where the plan does not include it.
    """
    if actor.expires_at is not None and actor.expires_at + LEEWAY <= session.now():
        raise TokenExpiredError("The session has ended; sign in again.")
    return export(shared(), query, actor, format_name, session.new_request_id()).read()


def upgrade_notice(action: Action, handle: str, what: str) -> None:
    """Which plan opens what is locked here."""
    feature = RULES[action].feature
    if feature:
        st.info(
            f"{what} are part of the plan {feature.required_plan}. "
            f"The owner of {handle} can upgrade; whatever the plan, every click counts.",
            icon=":material/lock_open:",
        )
