"""Who is looking, and the one way to ask: `ask(query)` checks, caches and answers for the actor of this session."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from analytics_core.access import tokens
from analytics_core.access.actors import Actor
from analytics_core.access.rules import Action
from analytics_core.bootstrap import shared
from analytics_core.errors import MissingBearerTokenError
from analytics_core.model import Answer, Freshness, Query
from analytics_core.ui import cookie, formats


def now() -> datetime:
    return shared().clock()


def token() -> str:
    """The access token of this session; empty when nobody is signed in."""
    if "token" not in st.session_state:
        st.session_state["token"] = st.context.cookies.get(cookie.NAME, "")
    return st.session_state["token"]


def actor() -> Actor:
    """Who is signed in. Raises what is wrong with the token: missing, invalid or expired."""
    if not token():
        raise MissingBearerTokenError("Sign in to see your handles.")
    return tokens.verify(token(), shared().settings, now())


def visible_handles() -> tuple[str, ...]:
    return shared().policy.visible_handles(actor())


def check_readable(handle: str) -> None:
    """Raises HandleNotFoundError for a handle that the actor may not know of, as for one that does not exist."""
    shared().policy.check(actor(), Action.READ, handle)


def timezone_of(handle: str) -> str:
    """The handle's own zone."""
    account = shared().accounts.find(handle)
    return account.timezone if account else "UTC"


def freshness() -> Freshness:
    return shared().analytics.freshness()


def names(answer: Answer) -> dict[str, str]:
    """Every key of the answer as a reader calls it."""
    return {row.key: formats.key_name(answer.query.group_by, row.key) for row in answer.rows}


def ask(query: Query) -> Answer:
    """The answer to the query for this actor, from the cache while the data stands as it is."""
    return _answer(actor(), shared().analytics.data_version(), query)


@st.cache_data(ttl=60, max_entries=2_000, show_spinner="Counting clicks…", hash_funcs={Actor: repr, Query: repr})
def _answer(actor: Actor, data_version: str, query: Query) -> Answer:  # noqa: ARG001  (part of the cache's key)
    return shared().analytics.run(query, actor)
