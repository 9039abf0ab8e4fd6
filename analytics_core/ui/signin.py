"""Signing in and out: the screen, the account menu, and the end of a session when its token expires."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import streamlit as st

from analytics_core.access import user_tokens
from analytics_core.access.actors import Actor
from analytics_core.access.rules import Door
from analytics_core.bootstrap import shared
from analytics_core.errors import (
    ClickledgerError,
    InvalidTokenError,
    MissingBearerTokenError,
    TokenExpiredError,
)
from analytics_core.model import Role
from analytics_core.ui import address, problems, session, session_cookie, theme, wording
from analytics_core.ui.base_path import base_path
from analytics_core.web.client_addresses import client_behind

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

DEMO_SESSION = timedelta(hours=12)
STAFF = "staff_reviewer"
_ADMITTED, _REFUSED = "admitted-token", "refused-token"  # of this session; empty: what the sign-in service said


def gate() -> Actor:
    """The actor of this session, or the sign-in screen and the end of the page."""
    try:
        actor = session.actor()
    except MissingBearerTokenError:
        _carry_cookie()
        _screen(None)
        st.stop()
    except ClickledgerError as error:
        _note_failure(error)
        _screen(error)
        st.stop()
    st.session_state[_ADMITTED] = session.token()
    _carry_cookie()
    _end_with_token(actor)
    return actor


def _end_with_token(actor: Actor) -> None:
    """Runs the page again when the token expires, so that an idle screen ends too."""
    if actor.expires_at is None:
        return
    end = actor.expires_at + user_tokens.LEEWAY
    left = min(max(end - session.now(), timedelta()), timedelta(days=1)) + timedelta(seconds=1)

    @st.fragment(run_every=left)
    def watch() -> None:
        if session.now() >= end:
            st.rerun()

    watch()


def account_menu(actor: Actor, pages: Sequence[StreamlitPage]) -> None:
    with st.popover(wording.plain(actor.user_id), icon=":material/account_circle:", type="tertiary"):
        for page in pages:
            st.page_link(page, query_params=address.link())
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
        if session.openid_claims() is None:
            _token_form()
        else:
            st.button("Sign in", type="primary", width="stretch", on_click=_sign_in_by_openid)
            with st.expander("Sign in with an access token"):
                _token_form()


def _token_form() -> None:
    with st.form("by-token", border=False):
        pasted = st.text_input("Access token", type="password", placeholder="eyJ…", help="A user JWT.").strip()
        if st.form_submit_button("Sign in with token", type="primary", width="stretch"):
            _sign_in(pasted)
            st.rerun()


def _note_failure(error: ClickledgerError) -> None:
    """Tells the audit log of who was refused, whatever they came with: once, and not when a session has ended."""
    token = session.token()
    is_refusal = isinstance(error, InvalidTokenError) or (isinstance(error, TokenExpiredError) and token)
    if not is_refusal or token in (st.session_state.get(_ADMITTED), st.session_state.get(_REFUSED)):
        return
    st.session_state[_REFUSED] = token
    forwarded = st.context.headers.get_all("X-Forwarded-For")
    client = client_behind(st.context.ip_address or "", forwarded, shared().settings.trusted_proxies)
    shared().sign_ins.failed(
        error,
        door=Door.DASHBOARD,
        addresses=client.buckets,
        now=session.now(),
        request_id=session.new_request_id(),
    )


def _sign_in_by_openid() -> None:
    _sign_in("")  # a token that has ended would be asked first
    st.login()


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
                f"{wording.plain(user_id)} :gray[{wording.plain(seat)}]",
                key=f"demo-{user_id}",
                width="stretch",
                on_click=_sign_in_as,
                args=(user_id,),
            )


def _seat(role: Role, handles: list[str]) -> str:
    return f"{role.capitalize()} of {', '.join(handles)}"


def _sign_in_as(user_id: str) -> None:
    settings = shared().settings
    _sign_in(
        user_tokens.mint(
            settings, user_id, now=session.now(), lifetime=DEMO_SESSION, is_staff=user_id == STAFF, is_demo=True
        )
    )


def _sign_in(token: str) -> None:
    st.session_state.pop(_ADMITTED, None)
    st.session_state.pop(_REFUSED, None)
    st.session_state["token"] = token
    st.session_state["cookie"] = token


def _sign_out() -> None:
    st.session_state["token"] = ""
    st.session_state["cookie"] = ""
    if (session.openid_claims() or {}).get("is_logged_in"):
        st.logout()


def _carry_cookie() -> None:
    """Asks the browser to store or drop the cookie once after signing in or out: scripts cannot set a HttpOnly one."""
    token = st.session_state.pop("cookie", None)
    if token is None:
        return
    # A script of its own: the content security policy lets none run that stands in the page.
    with st.container(key="cookie"):
        st.html(
            f'<script src="{base_path()}{session_cookie.SCRIPT_PATH}" data-token="{html.escape(token)}"></script>',
            unsafe_allow_javascript=True,
        )
