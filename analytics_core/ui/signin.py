"""Signing in and out: the screen, the account menu, and the end of a session when its token expires."""

from __future__ import annotations

import json
from datetime import timedelta

import streamlit as st

from analytics_core.access import tokens
from analytics_core.access.actors import Actor
from analytics_core.bootstrap import shared
from analytics_core.errors import ClickledgerError, MissingBearerTokenError
from analytics_core.model import Role
from analytics_core.ui import cookie, formats, problems, session, theme

DEMO_SESSION = timedelta(hours=12)
STAFF = "staff_reviewer"


def gate() -> Actor:
    """The actor of this session, or the sign-in screen and the end of the page."""
    try:
        actor = session.actor()
    except MissingBearerTokenError:
        _carry_cookie()
        _screen(None)
        st.stop()
    except ClickledgerError as error:
        _screen(error)
        st.stop()
    _carry_cookie()
    _end_with_token(actor)
    return actor


def _end_with_token(actor: Actor) -> None:
    """Runs the page again when the token expires, so that an idle screen ends too."""
    if actor.expires_at is None:
        return
    end = actor.expires_at + tokens.LEEWAY
    left = min(max(end - session.now(), timedelta()), timedelta(days=1)) + timedelta(seconds=1)

    @st.fragment(run_every=left)
    def watch() -> None:
        if session.now() >= end:
            st.rerun()

    watch()


def account_menu(actor: Actor) -> None:
    with st.popover(formats.plain(actor.user_id), icon=":material/account_circle:", type="tertiary"):
        if actor.is_staff:
            st.markdown("Reviewer: reads every handle.")
        if actor.expires_at:
            st.caption(f"Signed in until {actor.expires_at:%Y-%m-%d %H:%M} UTC")
        st.button("Sign out", icon=":material/logout:", on_click=_sign_out, width="stretch")


def _screen(error: ClickledgerError | None) -> None:
    with st.container(key="signin", gap="medium"):
        theme.brand()
        st.markdown("# Link analytics you can defend")
        st.markdown("Every log line is accounted for. Sign in to see your handles.")
        if error:
            problems.show(error)
        if shared().settings.demo:
            _demo_users()
        with st.form("by-token", border=False):
            pasted = st.text_input("Access token", type="password", placeholder="eyJ…", help="A user JWT.")
            if st.form_submit_button("Sign in", type="primary", width="stretch"):
                _sign_in(pasted.strip())
                st.rerun()


def _demo_users() -> None:
    """One button a demo user: who they are and what they may see."""
    seats: dict[str, dict[Role, list[str]]] = {}
    for user_id, handle, role in shared().accounts.users():
        seats.setdefault(user_id, {}).setdefault(role, []).append(handle)
    people = {user_id: "; ".join(_seat(*seat) for seat in held.items()) for user_id, held in seats.items()}
    with st.container(key="demo-users", gap="xsmall"):
        st.markdown("**Demo users**")
        for user_id, seat in (people | {STAFF: "Reviewer of every handle"}).items():
            st.button(
                f"{formats.plain(user_id)} :gray[{formats.plain(seat)}]",
                key=f"demo-{user_id}",
                width="stretch",
                on_click=_sign_in_as,
                args=(user_id,),
            )


def _seat(role: Role, handles: list[str]) -> str:
    return f"{role.capitalize()} of {', '.join(handles)}"


def _sign_in_as(user_id: str) -> None:
    settings = shared().settings
    _sign_in(tokens.mint(settings, user_id, now=session.now(), lifetime=DEMO_SESSION, is_staff=user_id == STAFF))


def _sign_in(token: str) -> None:
    st.session_state["token"] = token
    st.session_state["cookie"] = token


def _sign_out() -> None:
    st.session_state["token"] = ""
    st.session_state["cookie"] = ""


def _carry_cookie() -> None:
    """Asks the browser to store or drop the cookie once after signing in or out: scripts cannot set a HttpOnly one."""
    token = st.session_state.pop("cookie", None)
    if token is None:
        return
    body = json.dumps(json.dumps({"token": token}))
    call = f"fetch('{cookie.PATH}', {{method: 'POST', headers: {{'Content-Type': 'application/json'}}, body: {body}}})"
    with st.container(key="cookie"):
        st.html(f"<script>{call}</script>", unsafe_allow_javascript=True)
