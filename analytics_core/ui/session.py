"""Who is looking, and the one way to ask: `ask(query)` checks, caches and answers for the actor of this session."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

import streamlit as st

from analytics_core.access import user_tokens
from analytics_core.access.actors import Actor
from analytics_core.access.openid import actor_of_claims
from analytics_core.access.rules import Action
from analytics_core.bootstrap import shared
from analytics_core.errors import MissingBearerTokenError
from analytics_core.model import Answer, Freshness, Query
from analytics_core.ui import session_cookie, wording
from analytics_core.zones import NAMES


def now() -> datetime:
    return shared().clock()


def token() -> str:
    """The access token of this session; empty when nobody is signed in."""
    if "token" not in st.session_state:
        st.session_state["token"] = st.context.cookies.get(session_cookie.NAME, "")
    return st.session_state["token"]


def openid_claims() -> dict[str, Any] | None:
    """What the sign-in service says of who is signed in through it; None where it is not configured.

    The claim `is_logged_in` is Streamlit's, who has verified the identity token and keeps it in a signed cookie.
    """
    claims = st.user.to_dict()
    return claims if "is_logged_in" in claims else None


def actor() -> Actor:
    """Who is signed in. Raises what is wrong with the token: missing, invalid or expired."""
    if token():
        return user_tokens.verify(token(), shared().settings, now())
    claims = openid_claims()
    if claims and claims["is_logged_in"]:
        return actor_of_claims(claims, shared().settings, now())
    raise MissingBearerTokenError("Sign in to see your handles.")


def new_request_id() -> str:
    """Names one thing that is done on a screen, for the audit log."""
    return uuid4().hex


def visible_handles() -> tuple[str, ...]:
    return shared().policy.visible_handles(actor())


def find_handles(text: str) -> tuple[str, ...]:
    return shared().policy.find_handles(actor(), text)


def is_readable(handle: str) -> bool:
    return shared().policy.allows(actor(), Action.READ, handle)


def check_readable(handle: str) -> None:
    """Raises HandleNotFoundError for a handle that the actor may not know of, as for one that does not exist."""
    shared().policy.check(actor(), Action.READ, handle)


def timezone_of(handle: str) -> str:
    """The handle's own zone; UTC where it is none any more (release 0.1.0 took `localtime` and the like)."""
    account = shared().accounts.find(handle)
    return account.timezone if account and account.timezone in NAMES else "UTC"


def freshness() -> Freshness:
    return shared().analytics.freshness()


def names(answer: Answer) -> dict[str, str]:
    """Every key of the answer as a reader calls it."""
    given = campaign_names(answer.query.handle) if answer.group_by == "campaign" else {}
    return {row.key: given.get(row.key) or wording.key_name(answer.query.key_name, row.key) for row in answer.rows}


def campaign_names(handle: str) -> dict[str, str]:
    """What the handle's accounts call its campaigns, by campaignId."""
    return shared().accounts.campaigns(handle)


def ask(query: Query) -> Answer:
    """The answer to the query for this actor, from the cache while the data stands as it is."""
    return _answer(actor(), shared().analytics.data_version(), query)


@st.cache_data(ttl=60, max_entries=2_000, show_spinner="Counting clicks…", hash_funcs={Actor: repr, Query: repr})
def _answer(actor: Actor, data_version: str, query: Query) -> Answer:  # noqa: ARG001  (part of the cache's key)
    return shared().analytics.run(query, actor)
