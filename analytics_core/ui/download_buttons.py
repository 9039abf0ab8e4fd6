"""Downloads of a breakdown. The gate is below; here it is only drawn: an open button, or a lock and what opens it.

A click begins the download here, so that what is wrong is told on the page; then the browser fetches it as it is made.
"""

from __future__ import annotations

import streamlit as st

from analytics_core.access.actors import Actor
from analytics_core.access.rules import RULES, Action
from analytics_core.access.user_tokens import LEEWAY
from analytics_core.bootstrap import shared
from analytics_core.errors import ClickledgerError, TokenExpiredError
from analytics_core.exports import FORMATS, Download, begin
from analytics_core.model import Query
from analytics_core.ui import download_pickup, problems, session
from analytics_core.ui.base_path import base_path

_BEGUN, _REFUSED, _TICKETS = "downloads-begun", "download-refused", "download-tickets"  # of this session
_WATCH_SECONDS = 1.0


def buttons(query: Query) -> None:
    """One button a format, for all rows of the query."""
    actor = session.actor()
    is_open = shared().policy.allows(actor, Action.EXPORT, query.handle)
    with st.container(horizontal=True, gap="small"):
        for name in FORMATS:
            st.button(
                f"Download {name.upper()}",
                icon=":material/download:" if is_open else ":material/lock:",
                disabled=not is_open,
                on_click=_begin,
                args=(query, actor, name),
            )
    if is_open:
        st.caption("Every row with its exact counts, and a manifest that proves what the file holds.")
    else:
        upgrade_notice(Action.EXPORT, query.handle, "Exports")
    _fetch_begun()
    _tell(query)


def _begin(query: Query, actor: Actor, format_name: str) -> None:
    """What a click does, which may come long after the button was drawn."""
    st.session_state[_REFUSED] = None
    try:
        if actor.expires_at is not None and actor.expires_at + LEEWAY <= session.now():
            raise TokenExpiredError("The session has ended; sign in again.")
        download = begin(shared(), query, actor, format_name, session.new_request_id())
    except ClickledgerError as error:
        st.session_state[_REFUSED] = (query, error)
        return
    st.session_state.setdefault(_BEGUN, {})[format_name] = (query, download)
    st.session_state.setdefault(_TICKETS, []).append(download_pickup.leave(download))


def _fetch_begun() -> None:
    """Sends the browser to fetch what was begun since the page was drawn last."""
    with st.container(key="download"):
        for ticket in st.session_state.pop(_TICKETS, ()):
            st.html(
                f'<script src="{base_path()}{download_pickup.SCRIPT_PATH}" data-ticket="{ticket}"></script>',
                unsafe_allow_javascript=True,
            )


def _tell(query: Query) -> None:
    """How the downloads of this query stand, until all have ended."""
    refused = st.session_state.get(_REFUSED)
    if refused is not None and refused[0] == query:
        problems.show(refused[1])
    begun: dict[str, tuple[Query, Download]] = st.session_state.get(_BEGUN, {})
    own = {name: download for name, (asked, download) in begun.items() if asked == query}
    is_running = any(one.manifest.status == "running" for one in own.values())

    @st.fragment(run_every=_WATCH_SECONDS if is_running else None)
    def stand() -> None:
        for name, download in own.items():
            _tell_one(name.upper(), download)
        if is_running and all(one.manifest.status != "running" for one in own.values()):
            st.rerun()  # ends the watch

    stand()


def _tell_one(name: str, download: Download) -> None:
    manifest = download.manifest
    if manifest.status == "running":
        st.caption(f"{name}: {download.rows:,} rows so far.")
    elif manifest.status == "complete":
        st.caption(f"{name}: complete, {download.rows:,} rows. SHA-256 `{manifest.sha256}`")
    elif download.problem is not None:
        problems.show(download.problem)
    else:
        st.caption(f"{name}: the browser stopped after {download.rows:,} rows; the file is not complete.")


def upgrade_notice(action: Action, handle: str, what: str) -> None:
    """Which plan opens what is locked here."""
    feature = RULES[action].feature
    if feature:
        st.info(
            f"{what} are part of the plan {feature.required_plan}. "
            f"The owner of {handle} can upgrade; whatever the plan, every click counts.",
            icon=":material/lock_open:",
        )
