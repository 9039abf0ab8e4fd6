"""Accounts follow a file or an object at every sync, and each change is told to the audit log."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support import s3
from support.logs import Request, realtime_text, write
from support.world import ACCOUNTS, NOW, World

from analytics_core.store import object_storage
from analytics_core.store.account_lookup import Accounts
from analytics_core.store.audit_events import Audit, AuditEvent
from ingest.accounts.accounts_file import keep_in_step


def changed(**changes: Any) -> dict[str, Any]:
    accounts = copy.deepcopy(ACCOUNTS)
    accounts["handles"][0] |= changes
    return accounts


def events(world: World, handle: str = "acme") -> list[AuditEvent]:
    return list(reversed(Audit(world.database).events(handle, limit=100)))


def test_every_change_is_told_once_with_before_and_after(world: World) -> None:
    later = NOW + timedelta(days=1)
    world.load(at=later)
    begun = events(world)
    assert {event.action for event in begun} == {
        "handle.added",
        "domains.changed",
        "collaborator.added",
        "campaign.added",
        "links.changed",
    }
    assert all(event.at == NOW for event in begun)

    people = [{"userId": "user_bob", "role": "OPERATOR"}, {"userId": "user_eve", "role": "CREATOR"}]
    world.load(
        changed(
            plan="FREE", planSince="2026-03-13T00:00:00Z", collaborators=people, timezone="UTC", domains=[], links=[]
        ),
        at=later,
    )

    told = {event.action: dict(event.detail) for event in events(world) if event.at == later}
    assert told == {
        "plan.changed": {"before": "PRO", "after": "FREE", "planSince": "2026-03-13T00:00:00+00:00"},
        "timezone.changed": {"before": "Europe/Berlin", "after": "UTC"},
        "domains.changed": {"before": ["go.acme.example"], "after": []},
        "collaborator.removed": {"userId": "user_ann", "role": "OWNER"},
        "collaborator.changed": {"userId": "user_bob", "before": "CREATOR", "after": "OPERATOR"},
        "collaborator.added": {"userId": "user_eve", "role": "CREATOR"},
        "links.changed": {"links": 2},
    }
    assert {event.actor for event in events(world)} == {"ingest accounts"}


def test_campaigns_are_told_too(world: World) -> None:
    def told(*campaigns: tuple[str, str]) -> list[tuple[str, dict[str, Any]]]:
        seen = len(events(world))
        rows = [{"campaignId": campaign_id, "name": name} for campaign_id, name in campaigns]
        world.load(changed(campaigns=rows, links=[]), at=NOW + timedelta(days=seen))
        new = [(one.action, dict(one.detail)) for one in events(world)[seen:] if one.action != "links.changed"]
        return sorted(new, key=lambda one: one[0])

    assert told(("spring-launch", "Spring")) == [
        ("campaign.changed", {"campaignId": "spring-launch", "before": "Spring launch", "after": "Spring"})
    ]
    assert told(("summer", "")) == [
        ("campaign.added", {"campaignId": "summer", "name": ""}),
        ("campaign.removed", {"campaignId": "spring-launch", "name": "Spring"}),
    ]
    assert told() == [("campaign.removed", {"campaignId": "summer", "name": ""})]
    assert told() == []


def test_a_sync_loads_what_changed_first(world: World, tmp_path: Path) -> None:
    file = tmp_path / "accounts.json"
    world = replace(world, environment={"CLICKLEDGER_ACCOUNTS": str(file)})
    source = write(world.folder / "logs" / "a.gz", realtime_text([Request(1, host="fresh.clickledger.localhost")]))
    fresh = {"handle": "fresh", "plan": "PRO", "planSince": "2026-01-01T00:00:00Z"}
    file.write_text(json.dumps({"handles": [fresh]}))

    assert world.run_json("sync", "--source", str(source))["clicks"] == 1

    file.write_text(json.dumps({"handles": [fresh | {"plan": "FREE"}]}))
    world.run_json("sync", "--source", str(source))
    world.run_json("sync", "--source", str(source))
    found = Accounts(world.database).find("fresh")
    assert found is not None
    assert found.plan == "FREE"
    assert [event.action for event in events(world, "fresh")] == ["handle.added", "plan.changed"]


def test_a_load_by_hand_does_not_outlive_the_next_sync(world: World, tmp_path: Path) -> None:
    file = tmp_path / "accounts.json"
    file.write_text(json.dumps(ACCOUNTS))
    assert keep_in_step(str(file), world.database, world.settings.public_domain, NOW) is not None
    assert keep_in_step(str(file), world.database, world.settings.public_domain, NOW) is None

    world.load(changed(plan="ENTERPRISE"))

    assert keep_in_step(str(file), world.database, world.settings.public_domain, NOW) is not None
    found = Accounts(world.database).find("acme")
    assert found is not None
    assert found.plan == "PRO"


@pytest.mark.parametrize("content", [None, "{", '{"handles": [{"handle": "acme"}]}'])
def test_a_sync_reads_no_log_while_the_accounts_cannot_be_read(
    world: World, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "accounts.json"
    if content is not None:
        file.write_text(content)
    world = replace(world, environment={"CLICKLEDGER_ACCOUNTS": str(file)})
    source = write(world.folder / "logs" / "a.gz", realtime_text([Request(1)]))

    ran = world.run("sync", "--source", str(source), check=False)

    assert (ran.returncode, ran.stderr.split(":")[0]) == (1, "invalid_accounts_file")
    assert not (world.folder / "var" / "lake").exists()


@pytest.mark.s3
def test_accounts_come_from_object_storage(world: World, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**s3.KEYS, "AWS_ENDPOINT_URL": s3_endpoint, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    object_storage.forget_session()
    storage = s3.connect(s3_endpoint)
    storage.create_bucket(Bucket="accounts")
    storage.put_object(Bucket="accounts", Key="all.json", Body=json.dumps(changed(plan="FREE")).encode())

    assert keep_in_step("s3://accounts/all.json", world.database, world.settings.public_domain, NOW) is not None
    assert keep_in_step("s3://accounts/all.json", world.database, world.settings.public_domain, NOW) is None
    assert world.run_json("accounts", "s3://accounts/all.json")["handles"] == 2
    object_storage.forget_session()
    found = Accounts(world.database).find("acme")
    assert found is not None
    assert found.plan == "FREE"
