"""Every route × actor × role × plan, held to the tables of docs/access.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2 as httpx
import pytest
from support.api import NOW, PLANS, ROLES, Api
from support.matrix import feature_of, outcome, page

from analytics_core.access import user_tokens
from analytics_core.access.actors import Actor
from analytics_core.access.scopes import SCOPES

DAYS = {"fromDay": "20260301", "toDay": "20260312"}
USERS = "/v2/handles/{handle}"
PUBLIC = "/v2/public/handles/{handle}"
TOKEN_BODY = {"name": "script", "scopes": ["analytics.read"]}


@dataclass(frozen=True)
class Call:
    """A route as the policy sees it: which action it is. `done` is its status when all is well."""

    method: str
    path: str
    action: str
    parameters: dict[str, str]
    body: dict[str, Any] | None = None
    done: tuple[int, str] = (200, "")


CALLS = {
    f"{call.method} {call.path}": call
    for prefix in (USERS, PUBLIC)
    for call in (
        Call("GET", f"{prefix}/analytics", "analytics.read", {"groupBy": "day", **DAYS}),
        Call("GET", f"{prefix}/analytics/export", "analytics.export", {"groupBy": "slug", "format": "csv", **DAYS}),
        Call("GET", f"{prefix}/analytics/exports/{{manifest_id}}", "analytics.export", {}, done=(404, "not_found")),
    )
} | {
    f"{call.method} {call.path}": call
    for call in (
        Call("POST", f"{USERS}/tokens", "tokens.make", {}, TOKEN_BODY, done=(201, "")),
        Call("GET", f"{USERS}/tokens", "tokens.manage", {}),
        Call("DELETE", f"{USERS}/tokens/{{tokenId}}", "tokens.manage", {}, done=(404, "not_found")),
        Call("GET", f"{USERS}/audit", "audit.read", {}),
    )
}
FOR_USERS = [name for name, call in CALLS.items() if call.path.startswith(USERS)]
FOR_TOKENS = [name for name, call in CALLS.items() if call.path.startswith(PUBLIC)]
WITHOUT_HANDLE = {"/v2/audit", "/v2/posts", "/healthz", "/readyz", "/metrics"}


def call(api: Api, name: str, handle: str, token: str) -> httpx.Response:
    one = CALLS[name]
    path = one.path.format(handle=handle, manifest_id="none", tokenId="none")
    headers = {"Authorization": f"Bearer {token}"}
    return api.client.request(one.method, path, params=one.parameters, json=one.body, headers=headers)


def code_of(response: httpx.Response) -> tuple[int, str]:
    is_error = response.status_code >= 400
    return response.status_code, response.json()["error"] if is_error else ""


STATUS = {"handle_not_found": 404, "insufficient_role": 403, "insufficient_scope": 403, "feature_locked": 403}


def promised(name: str, told: str) -> tuple[int, str]:
    return CALLS[name].done if told == "yes" else (STATUS[told], told)


def test_no_route_is_missing_here(api: Api) -> None:
    document = api.client.get("/v2/openapi.json").json()["paths"]
    about_handles = {path for path in document if path not in WITHOUT_HANDLE and "/handles/{handle}" in path}
    assert about_handles == {one.path for one in CALLS.values()}
    named = {f"{method.upper()} {path}" for path in about_handles for method in document[path]}
    assert named == set(CALLS)


@pytest.mark.parametrize("is_demo", [False, True], ids=["user", "demo"])
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("role", [None, *ROLES])
@pytest.mark.parametrize("name", FOR_USERS)
def test_a_user_gets_what_the_page_promises(
    api: Api, demo_api: Api, name: str, role: str | None, *, plan: str, is_demo: bool
) -> None:
    asked = demo_api if is_demo else api
    token = asked.token(f"user_{(role or 'eve').lower()}", **({user_tokens.DEMO: True} if is_demo else {}))
    action = CALLS[name].action

    answer = call(asked, name, plan.lower(), token)

    assert code_of(answer) == promised(name, outcome(action, role, plan, feature_of(action)))
    assert "insufficient" not in answer.text or role


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", FOR_USERS)
def test_a_reviewer_reads_every_handle_and_changes_none(api: Api, name: str, plan: str) -> None:
    action = CALLS[name].action
    answer = call(api, name, plan.lower(), api.token("user_sue", role=user_tokens.STAFF))
    assert code_of(answer) == promised(name, outcome(action, "STAFF", plan, feature_of(action)))


@pytest.fixture(scope="module")
def made(api: Api) -> dict[tuple[str, str], str]:
    """(plan, scope) → a personal access token. That of FREE was made before the downgrade."""
    everything = dict[tuple[str, str], str]()
    personal = api.application.personal_tokens
    for plan in PLANS:
        for scope in SCOPES:
            maker, handle = Actor("user_operator"), plan.lower() if plan != "FREE" else "downgraded"
            new = personal.make(maker, handle, name="script", scopes=(scope,), now=NOW)
            everything[plan, scope] = new.secret_text
    api.world.load(downgrade())
    return everything


def downgrade() -> dict[str, Any]:
    people = [{"userId": "user_operator", "role": "OPERATOR"}]
    entry = {"handle": "downgraded", "plan": "FREE", "planSince": "2026-03-01T00:00:00Z", "collaborators": people}
    return {"handles": [entry]}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", FOR_TOKENS)
def test_a_token_gets_what_its_scope_and_the_plan_promise(
    api: Api, made: dict[tuple[str, str], str], name: str, scope: str, plan: str
) -> None:
    action = CALLS[name].action
    by_scope = page()["Scope × action"][scope][action]
    by_plan = page()["Plan × feature"]["growth_tools"][plan]
    told = by_plan if by_scope == "yes" else by_scope
    handle = "downgraded" if plan == "FREE" else plan.lower()

    assert code_of(call(api, name, handle, made[plan, scope])) == promised(name, told)


@pytest.mark.parametrize("name", FOR_TOKENS)
@pytest.mark.parametrize("handle", ["pro", "acme", "nobody"])
def test_a_token_knows_no_handle_but_its_own(
    api: Api, made: dict[tuple[str, str], str], name: str, handle: str
) -> None:
    answer = call(api, name, handle, made["ENTERPRISE", "analytics.*"])
    assert code_of(answer) == (404, "handle_not_found")


@pytest.mark.parametrize("name", [*FOR_USERS, "GET /v2/audit", "GET /v2/posts"])
def test_a_personal_access_token_does_not_open_the_routes_of_users(
    api: Api, made: dict[tuple[str, str], str], name: str
) -> None:
    token = made["ENTERPRISE", "analytics.*"]
    if name not in CALLS:
        answer = api.client.get(name.removeprefix("GET "), headers={"Authorization": f"Bearer {token}"})
    else:
        answer = call(api, name, "enterprise", token)
    assert code_of(answer) == (401, "invalid_token")


@pytest.mark.parametrize("name", FOR_TOKENS)
@pytest.mark.parametrize("user", ["user_owner", "staff"])
def test_a_user_token_does_not_open_the_routes_of_tokens(api: Api, name: str, user: str) -> None:
    token = api.token(user, **({"role": user_tokens.STAFF} if user == "staff" else {}))
    assert code_of(call(api, name, "pro", token)) == (401, "invalid_token")


@pytest.mark.parametrize("name", CALLS)
def test_every_route_about_a_handle_asks_who_is_there(api: Api, name: str) -> None:
    one = CALLS[name]
    path = one.path.format(handle="acme", manifest_id="none", tokenId="none")
    answer = api.client.request(one.method, path, params=one.parameters, json=one.body)
    assert code_of(answer) == (401, "missing_bearer_token")


def test_a_demo_user_is_nobody_where_demo_mode_is_off(api: Api) -> None:
    token = api.token("user_owner", **{user_tokens.DEMO: True})
    assert code_of(call(api, "GET /v2/handles/{handle}/analytics", "pro", token)) == (401, "invalid_token")


def test_a_token_ends_for_good_when_its_maker_leaves_the_handle(api: Api) -> None:
    people = [{"userId": "user_max", "role": "OWNER"}]
    entry = {"handle": "left", "plan": "PRO", "planSince": "2026-03-01T00:00:00Z"}
    api.world.load({"handles": [entry | {"collaborators": people}]})
    made = api.application.personal_tokens.make(
        Actor("user_max"), "left", name="script", scopes=("analytics.read",), now=NOW
    )
    name = "GET /v2/public/handles/{handle}/analytics"
    assert code_of(call(api, name, "left", made.secret_text)) == (200, "")

    api.world.load({"handles": [entry | {"collaborators": [{"userId": "user_max", "role": "CREATOR"}]}]})
    assert code_of(call(api, name, "left", made.secret_text)) == (200, "")

    api.world.load({"handles": [entry]})
    assert code_of(call(api, name, "left", made.secret_text)) == (401, "invalid_token")

    api.world.load({"handles": [entry | {"collaborators": people}]})
    assert code_of(call(api, name, "left", made.secret_text)) == (401, "invalid_token")
    revoked = [event for event in api.application.audit.events("left", limit=100) if event.action == "token.revoked"]
    assert [event.detail for event in revoked] == [
        {"tokenId": made.token.token_id, "name": "script", "createdBy": "user_max"}
    ]
    listed = api.client.get("/v2/handles/left/tokens", headers={"Authorization": f"Bearer {api.token('user_max')}"})
    assert listed.json() == {"tokens": []}


def test_the_audit_of_the_platform_is_for_reviewers(api: Api) -> None:
    call(api, "GET /v2/handles/{handle}/analytics", "no-such-handle", "rubbish")
    reviewer = {"Authorization": f"Bearer {api.token('user_sue', role=user_tokens.STAFF)}"}
    owner = {"Authorization": f"Bearer {api.token('user_owner')}"}

    seen = api.client.get("/v2/audit", headers=reviewer)

    assert seen.json()["events"][0]["action"] == "sign_in.failed"
    assert code_of(api.client.get("/v2/audit", headers=owner)) == (403, "insufficient_role")
