"""Tokens, audit, the handle chooser and sign-in: who sees what on the screens."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select
from streamlit.testing.v1 import AppTest
from support.screens import Dashboard, told
from support.world import NOW, ROOT

from analytics_core.access import user_tokens
from analytics_core.access.openid import actor_of_claims
from analytics_core.bootstrap import shared
from analytics_core.errors import ClickledgerError
from analytics_core.settings import Settings
from analytics_core.store import tables
from analytics_core.ui import session

TOKENS, AUDIT = "tokens.py", "audit.py"


def staff(dashboard: Dashboard, page: str = "overview.py", **address: str) -> AppTest:
    now = shared().clock()
    made = user_tokens.mint(dashboard.world.settings, "user_sue", now=now, lifetime=timedelta(hours=1), is_staff=True)
    return dashboard.open_with(made, page, **address)


def test_an_owner_makes_a_token_that_is_shown_once(dashboard: Dashboard) -> None:
    screen = dashboard.open(page=TOKENS, handle="acme")
    screen.text_input[0].set_value("Nightly")
    screen.form_submit_button[0].click().run()
    secret = screen.code[0].value
    assert secret.startswith("patv1_")
    assert shared().personal_tokens.verify(secret, shared().clock()).handle == "acme"

    screen.run()
    assert not screen.code
    assert "Nightly" in told(screen)
    revoke = next(button for button in screen.button if button.label == "Revoke for good")
    revoke.click().run()
    assert "No tokens yet." in told(screen)


@pytest.mark.parametrize(
    ("user", "handle", "code"),
    [
        ("user_bob", "acme", "insufficient_role"),
        ("user_zoe", "acme", "handle_not_found"),
    ],
)
def test_others_are_told_why_they_cannot_make_tokens(dashboard: Dashboard, user: str, handle: str, code: str) -> None:
    screen = dashboard.open(user, page=TOKENS, handle=handle)
    assert f"Code: {code}" in told(screen)
    assert not screen.text_input


def test_a_free_handle_is_told_which_plan_has_tokens(dashboard: Dashboard) -> None:
    screen = dashboard.open("user_zoe", page=TOKENS, handle="zed")
    assert "Access tokens are part of the plan PRO. The owner of zed can upgrade" in screen.info[0].value
    assert "Code: " not in told(screen)
    assert not screen.text_input


def test_an_owner_reads_what_happened_and_a_creator_does_not(dashboard: Dashboard) -> None:
    owner = dashboard.open(page=AUDIT, handle="acme")
    assert {"handle.added", "collaborator.added"} <= set(owner.dataframe[0].value["What"])
    creator = dashboard.open("user_bob", page=AUDIT, handle="acme")
    assert "Code: insufficient_role" in told(creator)
    assert not creator.dataframe


def test_reviewers_alone_see_posts_without_a_handle(dashboard: Dashboard) -> None:
    today = shared().clock().date()
    kept = [
        {"handle": handle, "day": today, "outcome": outcome, "posts": posts}
        for handle, outcome, posts in (("", "bad_signature", 4), ("", "invalid_field", 1), ("acme", "expired", 7))
    ]
    with dashboard.world.database.begin() as connection:
        connection.execute(delete(tables.conversion_outcomes).where(tables.conversion_outcomes.c.day == today))
        connection.execute(tables.conversion_outcomes.insert(), kept)

    reviewer = staff(dashboard, AUDIT, handle="acme")
    owner = dashboard.open(page=AUDIT, handle="acme")

    shown = reviewer.dataframe[-1].value
    assert list(shown.columns) == ["Day", "Bad signature", "Invalid field", "Signals"]
    assert shown[["Bad signature", "Invalid field", "Signals"]].to_numpy().tolist() == [[4, 1, 0]]
    assert "Posts without a handle" in told(reviewer)
    assert "Posts without a handle" not in told(owner)


def test_a_failed_sign_in_reaches_the_audit_of_reviewers(dashboard: Dashboard) -> None:
    nobody = dashboard.open(None)
    nobody.text_input[0].set_value("not-a-token")
    nobody.form_submit_button[0].click().run()
    assert "Code: invalid_token" in told(nobody)

    reviewer = staff(dashboard, AUDIT, handle="acme")
    others = reviewer.dataframe[1].value
    assert others["What"].tolist() == ["sign_in.failed"]
    assert others["Detail"].tolist() == ['{"reason": "invalid_token", "door": "dashboard"}']
    assert "not-a-token" not in others.to_string()


@pytest.mark.parametrize("given", ["forged", "claims"])
def test_whatever_a_sign_in_fails_with_it_is_told_once(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """A cookie that nobody here made, and a sign-in service that has not verified the address."""
    if given == "claims":
        monkeypatch.setenv("CLICKLEDGER_SIGN_IN_CLAIM", "email")
        shared().analytics.close()
        shared.cache_clear()
        monkeypatch.setattr(session, "openid_claims", claims)
    screen = dashboard.open_with("" if given == "claims" else "eyJhbGciOiJub25lIn0.e30.")
    screen.run()

    assert "Code: invalid_token" in told(screen)
    (failed,) = shared().audit.events(None, limit=10)
    assert (failed.action, failed.detail) == ("sign_in.failed", {"reason": "invalid_token", "door": "dashboard"})
    assert failed.request_id


def test_a_session_that_ends_is_no_failed_sign_in(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = dashboard.open()
    later = shared().clock() + timedelta(hours=2)
    monkeypatch.setattr(session, "now", lambda: later)
    assert "Code: token_expired" in told(screen.run())
    assert shared().audit.events(None, limit=10) == ()

    screen.text_input[0].set_value(screen.session_state["token"])
    screen.form_submit_button[0].click().run()
    (failed,) = shared().audit.events(None, limit=10)
    assert failed.detail["reason"] == "token_expired"


def test_a_page_that_outlives_its_session_downloads_nothing(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = dashboard.open(page="breakdown.py", handle="acme")
    later = shared().clock() + timedelta(hours=2)
    monkeypatch.setattr(session, "now", lambda: later)

    next(button for button in screen.button if button.label == "Download CSV").click().run()

    assert "Code: token_expired" in told(screen)
    with shared().database.connect() as connection:
        assert connection.execute(select(tables.exports)).all() == []


def test_a_reviewer_searches_every_handle_and_others_see_their_own(dashboard: Dashboard) -> None:
    reviewer = staff(dashboard)
    assert reviewer.selectbox(key="handle").options == ["acme", "quiet", "zed"]
    reviewer.text_input(key="find-handle").set_value("Z").run()
    assert reviewer.selectbox(key="handle").options == ["acme", "zed"]  # the chosen one stays
    assert staff(dashboard, handle="zed").metric
    assert not [one for one in dashboard.open().text_input if one.key == "find-handle"]


def test_a_demo_session_ends_with_demo_mode(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = dashboard.open(None)
    screen.button(key="demo-user_ann").click().run()
    assert screen.metric
    kept = screen.session_state["token"]
    monkeypatch.setenv("CLICKLEDGER_DEMO", "false")
    shared().analytics.close()
    shared.cache_clear()
    assert "Code: invalid_token" in told(dashboard.open_with(kept))


def claims(**more: Any) -> dict[str, Any]:
    return {"is_logged_in": True, "sub": "user_ann", "email": "ann@example.com", "exp": NOW.timestamp() + 60} | more


@pytest.mark.parametrize(
    ("changes", "settings", "outcome"),
    [
        ({}, {}, "user_ann"),
        ({}, {"staff_users": "user_sue, user_ann"}, "user_ann staff"),
        ({"role": "STAFF"}, {}, "user_ann"),
        ({"email_verified": True}, {"sign_in_claim": "email"}, "ann@example.com"),
        ({}, {"sign_in_claim": "email"}, "invalid_token"),
        ({"email_verified": "true"}, {"sign_in_claim": "email"}, "invalid_token"),
        ({"exp": NOW.timestamp() - 60}, {}, "token_expired"),
        ({"exp": None}, {}, "invalid_token"),
        ({"sub": ""}, {}, "invalid_token"),
        ({"sub": ["user_ann"]}, {}, "invalid_token"),
    ],
)
def test_claims_of_the_sign_in_service_make_an_actor(
    changes: dict[str, Any], settings: dict[str, Any], outcome: str
) -> None:
    given = Settings(_env_file=None, **settings)  # type: ignore[call-arg]
    if outcome in ("invalid_token", "token_expired"):
        with pytest.raises(ClickledgerError) as refused:
            actor_of_claims(claims(**changes), given, NOW)
        assert refused.value.code == outcome
        return
    actor = actor_of_claims(claims(**changes), given, NOW)
    assert f"{actor.user_id}{' staff' if actor.is_staff else ''}" == outcome
    assert actor.expires_at == NOW + timedelta(minutes=1)


def test_the_example_of_secrets_is_one_that_streamlit_takes() -> None:
    auth = tomllib.loads((ROOT / ".streamlit" / "secrets.example.toml").read_text())["auth"]
    assert set(auth) == {"redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url"}
    assert auth["redirect_uri"].endswith("/oauth2callback")
