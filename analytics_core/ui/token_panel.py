"""Personal access tokens of a handle: made, shown once, listed, revoked."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from analytics_core.access.personal_tokens import MAX_NAME
from analytics_core.access.rules import Action
from analytics_core.bootstrap import shared
from analytics_core.errors import FeatureLockedError
from analytics_core.store.access_tokens import AccessToken
from analytics_core.ui import download_buttons, problems, session, wording

_SCOPES = {
    "Read and export": ("analytics.*",),
    "Read numbers": ("analytics.read",),
    "Export files": ("analytics.export",),
}
_LIFETIMES = {
    "30 days": timedelta(days=30),
    "90 days": timedelta(days=90),
    "1 year": timedelta(days=365),
    "No end": None,
}
_MADE = "made-token"


def of_handle(handle: str) -> tuple[AccessToken, ...]:
    """Raises InsufficientRoleError for who may not manage them."""
    return shared().personal_tokens.of_handle(session.actor(), handle)


def just_made() -> None:
    """The secret of a token that was made a moment ago: this run shows it, no later one can."""
    made = st.session_state.pop(_MADE, None)
    if made is None:
        return
    with st.container(key="card-made"):
        st.markdown("**Copy the token now.** It is not kept, and cannot be shown again.")
        st.code(made, language=None, wrap_lines=True)


def make_form(handle: str) -> None:
    """The form, or which plan has it: tokens that are there can be revoked all the same."""
    try:
        shared().policy.check(session.actor(), Action.MAKE_TOKENS, handle)
    except FeatureLockedError:
        download_buttons.upgrade_notice(Action.MAKE_TOKENS, handle, "Access tokens")
        return
    with st.form("make-token", border=False, clear_on_submit=True):
        name = st.text_input("Name", max_chars=MAX_NAME, placeholder="Nightly report")
        scopes = st.selectbox("What it may do", list(_SCOPES))
        lifetime = st.selectbox("Valid for", list(_LIFETIMES), index=1)
        is_wanted = st.form_submit_button("Make token", type="primary")
    if not is_wanted:
        return
    span = _LIFETIMES[lifetime]
    with problems.told():
        made = shared().personal_tokens.make(
            session.actor(),
            handle,
            name=name,
            scopes=_SCOPES[scopes],
            now=session.now(),
            expires_at=session.now() + span if span else None,
            request_id=session.new_request_id(),
        )
        st.session_state[_MADE] = made.secret_text
        st.rerun()


def rows(handle: str, tokens: tuple[AccessToken, ...]) -> None:
    """One row a token, with the button that ends it."""
    if not tokens:
        st.caption("No tokens yet.")
    for token in tokens:
        with st.container(key=f"token-{token.token_id}", horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{wording.plain(token.name)}**  \n:gray[{_sentence(token)}]", width="stretch")
            with st.popover("Revoke", type="tertiary"):
                st.markdown("Scripts that use it will be refused at once.")
                st.button(
                    "Revoke for good",
                    key=f"revoke-{token.token_id}",
                    type="primary",
                    on_click=_revoke,
                    args=(handle, token.token_id),
                )


def _sentence(token: AccessToken) -> str:
    used = wording.ago(token.last_used_at, session.now()) if token.last_used_at else "never"
    ends = f"ends {wording.day(token.expires_at.date())}" if token.expires_at else "no end"
    scopes = ", ".join(f"`{scope}`" for scope in token.scopes)
    return f"`{token.token_id}` · {scopes} · by {wording.plain(token.created_by)} · last used {used} · {ends}"


def _revoke(handle: str, token_id: str) -> None:
    with problems.told():
        shared().personal_tokens.revoke(
            session.actor(), handle, token_id, now=session.now(), request_id=session.new_request_id()
        )
