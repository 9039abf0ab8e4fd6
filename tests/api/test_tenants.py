"""Three handles, random people doing random things: nobody ever sees a number that is another handle's."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from starlette.testclient import TestClient
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest
from support.api import NOW, Api
from support.examples import examples
from support.logs import Request, realtime_text, write
from support.screens import OVERVIEW, Dashboard
from support.world import World

from analytics_core.access import user_tokens
from analytics_core.access.actors import Actor
from analytics_core.access.failed_sign_ins import FailedSignIns
from analytics_core.access.rate_limits import RateLimits
from analytics_core.access.rules import Action
from analytics_core.api import create_app
from analytics_core.bootstrap import Application, build, shared
from analytics_core.errors import FeatureLockedError
from analytics_core.exports.scheduled_runs import deliver
from analytics_core.exports.schedules import add
from analytics_core.store.audit_events import AuditEvent
from ingest.accounts.accounts_file import load_accounts
from ingest.accounts.entries import AccountsFile

HANDLES = {"north": 3, "south": 50, "west": 700}  # clicks: every sum of theirs is told apart
PEOPLE = ("ann", "bob", "eve")
DAY = datetime(2026, 3, 11, 12, tzinfo=UTC)  # the one that a delivery saved at NOW begins with
RANGE = {"fromDay": "20260310", "toDay": "20260311"}
SHOWN = {"period": "custom", "from": "2026-03-10", "to": "2026-03-11", "tz": "utc"}
PAGES = (OVERVIEW, "breakdown.py", "funnel.py", "tokens.py", "audit.py")
ROLES = ("CREATOR", "OPERATOR", "OWNER")
PLANS = ("FREE", "PRO", "ENTERPRISE")

handles, people = st.sampled_from(sorted(HANDLES)), st.sampled_from(PEOPLE)
roles = st.sampled_from([None, *ROLES])
group_bys = st.sampled_from(["day", "slug", "country", "device", "referrer"])
filters = st.sampled_from(
    [{}, {"slug": "south-link"}, {"slug": "-north-link"}, {"country": "-DE"}, {"referrer": "west.example"}]
)


def make_world() -> World:
    """Each handle has a slug and a referrer of its own name; ingested once for all runs."""
    world = World(Path(mkdtemp(prefix="clickledger-tenants-")), now=NOW)
    world.load(accounts({}, dict.fromkeys(HANDLES, "PRO")))
    lines = [
        Request(
            host=f"{handle}.clickledger.localhost",
            path=f"/{handle}-link",
            at=DAY,
            request_id=f"{handle}-{number}",
            referrer=f"https://{handle}.example/",
        )
        for handle, count in HANDLES.items()
        for number in range(count)
    ]
    world.sync(write(world.folder / "logs" / "a.gz", realtime_text(lines)))
    return world


def accounts(roles: dict[tuple[str, str], str], plans: dict[str, str]) -> dict[str, Any]:
    return {
        "handles": [
            {
                "handle": handle,
                "plan": plans[handle],
                "planSince": "2026-01-01T00:00:00Z",
                "collaborators": [
                    {"userId": person, "role": role} for (person, of), role in sorted(roles.items()) if of == handle
                ],
            }
            for handle in HANDLES
        ]
    }


def everything_on(screen: AppTest) -> str:
    """All that a browser gets: prose, options, the rows of tables, the specifications of charts."""
    return "\n".join(str(element.proto) for element in screen.main)


class Tenants(RuleBasedStateMachine):
    """The model is two dictionaries: who has which role, and each handle's plan."""

    world: World | None = None
    environment: pytest.MonkeyPatch | None = None
    application: Application

    @initialize(given=st.fixed_dictionaries({(p, h): roles for p in PEOPLE for h in HANDLES}))
    def begin(self, given: dict[tuple[str, str], str | None]) -> None:
        if Tenants.world is None:
            Tenants.world = make_world()
            settings_ = Tenants.world.settings.model_copy(update={"query_rate": "1000000/minute"})
            Tenants.application = build(settings_, clock=lambda: NOW)
        self.environment = pytest.MonkeyPatch()
        self.environment.setenv("CLICKLEDGER_STATE", str(Tenants.world.folder / "var"))  # what the screens open
        self.environment.setattr(ContextProxy, "ip_address", None)  # as on localhost; AppTest makes up an object
        shared.cache_clear()
        self.roles = {where: role for where, role in given.items() if role}
        self.plans = dict.fromkeys(HANDLES, "PRO")
        self.tokens: list[tuple[str, str, str]] = []  # maker, handle, token
        self.dead: set[tuple[str, str, str]] = set()  # whose maker was removed, though perhaps added again
        application = Tenants.application
        self.api = Api(TestClient(create_app(lambda: application)), application, Tenants.world)
        self.load()

    def load(self) -> None:
        file = AccountsFile.model_validate(accounts(self.roles, self.plans))
        load_accounts(self.api.application.database, file, self.api.world.settings.public_domain, NOW)

    def may(self, person: str, handle: str) -> bool:
        return person == "staff" or (person, handle) in self.roles

    def check(self, text: str, handle: str, *, is_open: bool) -> None:
        """An answer has the slugs and referrers of its own handle alone; a refused one has none."""
        rows = text.rsplit('"rows"', maxsplit=1)[-1]  # the question's own filters are echoed before them
        others = [other for other in HANDLES if other != handle or not is_open]
        assert [other for other in others if f"{other}-link" in rows or f"{other}.example" in rows] == []

    @rule(person=people, handle=handles, role=roles)
    def give_or_take_a_role(self, person: str, handle: str, role: str | None) -> None:
        self.roles.pop((person, handle), None)
        if role:
            self.roles[person, handle] = role
        else:
            self.dead |= {made for made in self.tokens if made[:2] == (person, handle)}
        self.load()

    @rule(handle=handles, plan=st.sampled_from(PLANS))
    def change_the_plan(self, handle: str, plan: str) -> None:
        self.plans[handle] = plan
        self.load()

    @rule(person=st.sampled_from([*PEOPLE, "staff"]), handle=handles, group_by=group_bys, chosen=filters)
    def ask(self, person: str, handle: str, group_by: str, chosen: dict[str, str]) -> None:
        answer = self.api.get(f"/v2/handles/{handle}/analytics", person, groupBy=group_by, **RANGE, **chosen)
        self.judge(answer.status_code, answer.text, handle, is_open=self.may(person, handle), chosen=chosen)

    @rule(person=people, handle=handles, group_by=group_bys, file=st.sampled_from(["csv", "json"]))
    def download(self, person: str, handle: str, group_by: str, file: str) -> None:
        path = f"/v2/handles/{handle}/analytics/export"
        answer = self.api.get(path, person, groupBy=group_by, format=file, **RANGE)
        is_open = self.may(person, handle) and self.plans[handle] != "FREE"
        assert (answer.status_code == 200) == is_open
        self.check(answer.text, handle, is_open=is_open)
        if not is_open:
            return
        manifest = answer.headers["X-Export-Manifest"]
        for other in HANDLES:
            for asker in PEOPLE:
                found = self.api.get(f"/v2/handles/{other}/analytics/exports/{manifest}", asker)
                may_see = other == handle and self.may(asker, handle)
                assert (found.status_code == 200) == may_see

    @rule(person=people, handle=handles)
    def make_a_token(self, person: str, handle: str) -> None:
        body = {"name": "script", "scopes": ["analytics.*"]}
        headers = {"Authorization": f"Bearer {self.api.token(person)}"}
        made = self.api.client.post(f"/v2/handles/{handle}/tokens", json=body, headers=headers)
        may_make = self.roles.get((person, handle)) in ("OPERATOR", "OWNER") and self.plans[handle] != "FREE"
        assert (made.status_code == 201) == may_make
        if may_make:
            self.tokens.append((person, handle, made.json()["token"]))
            for asked in HANDLES:
                self.ask_with(self.tokens[-1], asked, "slug")

    @rule(handle=handles, group_by=group_bys, pick=st.integers(0, 1_000))
    def ask_with_a_token(self, handle: str, group_by: str, pick: int) -> None:
        if not self.tokens:
            return
        self.ask_with(self.tokens[pick % len(self.tokens)], handle, group_by)

    def ask_with(self, made: tuple[str, str, str], handle: str, group_by: str) -> None:
        _, own, token = made
        answer = self.api.client.get(
            f"/v2/public/handles/{handle}/analytics",
            params={"groupBy": group_by, **RANGE},
            headers={"Authorization": f"Bearer {token}"},
        )
        is_open = handle == own and made not in self.dead and self.plans[own] != "FREE"
        self.judge(answer.status_code, answer.text, handle, is_open=is_open)

    @rule(person=people, handle=handles)
    def read_the_audit(self, person: str, handle: str) -> None:
        answer = self.api.get(f"/v2/handles/{handle}/audit", person, limit="1000")
        is_open = self.roles.get((person, handle)) == "OWNER"
        assert (answer.status_code == 200) == is_open
        if is_open:
            assert {event["handle"] for event in answer.json()["events"]} == {handle}

    @rule(handle=handles)
    def deliver_files(self, handle: str) -> None:
        place = Path(mkdtemp(dir=self.api.world.folder))
        wanted = {"handle": handle, "every": "daily", "format_name": "csv", "query": "groupBy=slug&tz=UTC"}
        if self.plans[handle] == "FREE":
            with pytest.raises(FeatureLockedError):
                add(self.api.application, **wanted, place=str(place))  # type: ignore[arg-type]
            return
        saved = add(self.api.application, **wanted, place=str(place))  # type: ignore[arg-type]
        (run,) = [run for run in deliver(self.api.application) if run.delivery_id == saved.delivery_id]
        assert (run.handle, run.outcome) == (handle, "delivered")
        (row,) = csv.DictReader(io.StringIO(Path(run.file).read_text()))
        assert (row["slug"], row["clicks"]) == (f"{handle}-link", str(HANDLES[handle]))
        for file in place.rglob("*"):
            self.check(file.read_text(), handle, is_open=True)

    @rule(person=st.sampled_from([*PEOPLE, "staff"]), handle=handles, page=st.sampled_from(PAGES))
    def look_at_a_screen(self, person: str, handle: str, page: str) -> None:
        staff = {"role": user_tokens.STAFF} if person == "staff" else {}
        token = self.api.token(person, exp=datetime.now(UTC) + timedelta(hours=1), **staff)
        screen = Dashboard(self.api.world).open_with(token, page, handle=handle, **SHOWN)
        seen = everything_on(screen)
        assert not screen.exception
        is_open = self.may(person, handle)
        others = [other for other in HANDLES if other != handle or not is_open]
        assert [other for other in others if f"{other}-link" in seen or f"{other}.example" in seen] == []
        hidden = [other for other in HANDLES if not self.may(person, other) and other != handle]
        assert [other for other in hidden if re.search(rf"\b{other}\b", seen)] == []  # "newest" is nobody's handle
        assert ("handle_not_found" in seen) == (not is_open)
        if page == OVERVIEW:
            clicks = [metric.value for metric in screen.metric if metric.label == "Clicks"]
            assert clicks == ([str(HANDLES[handle])] if is_open else [])

    def teardown(self) -> None:
        if self.environment:
            shared().analytics.close()
            shared.cache_clear()
            self.environment.undo()

    def judge(
        self, status: int, text: str, handle: str, *, is_open: bool, chosen: dict[str, str] | None = None
    ) -> None:
        assert (status == 200) == is_open, text
        self.check(text, handle, is_open=is_open)
        if is_open and not chosen:
            assert json.loads(text)["totals"]["clicks"] == HANDLES[handle]

    @invariant()
    def the_screens_offer_what_the_policy_allows(self) -> None:
        if not hasattr(self, "roles"):
            return
        policy = self.api.application.policy
        for person in PEOPLE:
            own = tuple(sorted(handle for handle in HANDLES if (person, handle) in self.roles))
            assert policy.visible_handles(Actor(person)) == own
            assert all(policy.allows(Actor(person), Action.READ, handle) == (handle in own) for handle in HANDLES)


Tenants.TestCase.settings = settings(
    max_examples=examples(5), stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestTenants = Tenants.TestCase


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    """All runs share one application."""
    yield
    if Tenants.world is not None:
        Tenants.application.analytics.close()


def test_one_address_cannot_flood_the_audit_log(api: Api) -> None:
    for _ in range(40):
        api.client.get("/v2/handles/acme/analytics", headers={"Authorization": "Bearer rubbish"})
    assert 0 < len(failures(api, "acme")) <= 10


def test_behind_a_proxy_one_address_does_not_hide_what_others_try(api: Api) -> None:
    behind = replace(
        api.application,
        settings=api.application.settings.model_copy(update={"trusted_proxies": 1}),
        sign_ins=FailedSignIns(api.application.audit, api.application.accounts, RateLimits("memory://")),
    )
    before = len(failures(api, "zed"))
    with TestClient(create_app(lambda: behind)) as client:
        for number, handle in [(9, "acme")] * 15 + [(20, "zed"), (21, "zed")]:
            headers = {"Authorization": "Bearer rubbish", "X-Forwarded-For": f"203.0.113.{number}"}
            client.get(f"/v2/handles/{handle}/analytics", headers=headers)

    assert len(failures(api, "zed")) - before == 2


def failures(api: Api, handle: str) -> list[AuditEvent]:
    kept = api.application.audit.events(handle, limit=1_000)
    return [event for event in kept if event.action == "sign_in.failed"]
