"""Own rules and counted purposes in the accounts file: what is kept, told to the audit log, and refused."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from support.logs import START
from support.own_rules import MY_MONITOR, MY_TEAM, accounts, rows
from support.world import NOW, World

from analytics_core.store import tables
from analytics_core.store.audit_events import Audit

SINCE = START + timedelta(hours=1)
AFTER = SINCE + timedelta(hours=1)


def test_loading_again_changes_nothing_and_a_change_closes_one_row_and_opens_another(world: World) -> None:
    file = accounts(ownRules=[MY_TEAM, MY_MONITOR], countedPurposes=["agent", "preview"])
    world.load(file, at=SINCE)
    kept = rows(world, tables.own_rules), rows(world, tables.counted_purposes)

    respelt = accounts(
        ownRules=[{**MY_TEAM, "network": "203.0.113.0/255.255.255.0"}, MY_MONITOR], countedPurposes=["preview", "agent"]
    )
    world.load(file, at=AFTER)
    world.load(respelt, at=AFTER)
    assert (rows(world, tables.own_rules), rows(world, tables.counted_purposes)) == kept

    world.load(accounts(ownRules=[{**MY_TEAM, "purpose": "monitor"}], countedPurposes=["agent"]), at=NOW)

    said = [(row["name"], row["purpose"], row["valid_from"], row["valid_to"]) for row in rows(world, tables.own_rules)]
    assert sorted(said, key=str) == [
        ("my team", "monitor", NOW, None),
        ("my team", "other", SINCE, NOW),
        ("shop monitor", "monitor", SINCE, NOW),
    ]
    chosen = [(row["purposes"], row["valid_from"], row["valid_to"]) for row in rows(world, tables.counted_purposes)]
    assert chosen == [("agent preview", SINCE, NOW), ("agent", NOW, None)]


def test_every_change_is_told_to_the_audit_log(world: World) -> None:
    world.load(accounts(ownRules=[MY_TEAM, MY_MONITOR], countedPurposes=["preview", "agent"]), at=SINCE)
    world.load(accounts(ownRules=[MY_TEAM, MY_MONITOR], countedPurposes=["preview", "agent"]), at=AFTER)
    world.load(accounts(ownRules=[{**MY_TEAM, "network": "198.51.100.0/24"}]), at=NOW + timedelta(days=1))

    told = [
        (event.action, dict(event.detail))
        for event in reversed(Audit(world.database).events("acme", limit=100))
        if event.action.split(".")[0] in ("own_rule", "counted_purposes")
    ]
    team, monitor = {"place": 0, "network": "203.0.113.0/24", "purpose": "other"}, {**MY_MONITOR, "place": 1}
    assert sorted(told, key=str) == sorted(
        [
            ("own_rule.added", {"name": "my team", **team}),
            ("own_rule.added", monitor),
            ("counted_purposes.changed", {"before": [], "after": ["agent", "preview"]}),
            (
                "own_rule.changed",
                {"name": "my team", "before": team, "after": {**team, "network": "198.51.100.0/24"}},
            ),
            ("own_rule.removed", monitor),
            ("counted_purposes.changed", {"before": ["agent", "preview"], "after": []}),
        ],
        key=str,
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ownRule": []}, "handles[0].ownRule: is not a known key (did you mean ownRules?)."),
        (
            {"ownRules": [{"name": "a", "netwerk": "192.0.2.0/24"}]},
            "handles[0].ownRules[0].netwerk: is not a known key (did you mean network?).",
        ),
        ({"ownRules": [{"network": "192.0.2.0/24"}]}, "handles[0].ownRules[0].name: is required."),
        (
            {"ownRules": [{"name": "a"}]},
            "handles[0].ownRules[0]: must have either network or agent; got neither.",
        ),
        (
            {"ownRules": [{"name": "a", "network": "192.0.2.0/24", "agent": "abc"}]},
            "handles[0].ownRules[0]: must have either network or agent; got both.",
        ),
        (
            {"ownRules": [{"name": "a", "network": "192.0.2.1/24"}]},
            "handles[0].ownRules[0].network: must be a range of addresses such as 203.0.113.0/24 or 2001:db8::/48; "
            "got '192.0.2.1/24' (did you mean 192.0.2.0/24?).",
        ),
        (
            {"ownRules": [{"name": "a", "network": "office"}]},
            "handles[0].ownRules[0].network: must be a range of addresses such as 203.0.113.0/24 or 2001:db8::/48; "
            "got 'office'.",
        ),
        (
            {"ownRules": [{"name": "a", "network": "fe80::%1/64"}]},
            "got 'fe80::%1/64'.",
        ),
        (
            {"ownRules": [{"name": "a", "network": "0.0.0.0/0"}]},
            "network: must be a range of IPv4 addresses of /16 or narrower; got '0.0.0.0/0'.",
        ),
        (
            {"ownRules": [{"name": "a", "network": "2001::/16"}]},
            "network: must be a range of IPv6 addresses of /32 or narrower; got '2001::/16'.",
        ),
        *(
            (
                {"ownRules": [{"name": "a", "agent": agent}]},
                "handles[0].ownRules[0].agent: must be 3 to 200 characters of ASCII that the user agent contains; "
                f"got {agent[:80]!r}.",
            )
            for agent in ("", "ab", "monitör", "a\nbc", "a" * 201)
        ),
        (
            {"ownRules": [{"name": "a", "agent": "abc", "purpose": "fun"}]},
            "handles[0].ownRules[0].purpose: must be one of search, agent, training, preview, monitor, scanner, "
            "prefetch, library, other; got 'fun'.",
        ),
        (
            {"ownRules": [{"name": "none", "agent": "abc"}]},
            "handles[0].ownRules[0].name: must be a printable name other than 'none'; got 'none'.",
        ),
        (
            {"ownRules": [{"name": "a\0", "agent": "abc"}]},
            "handles[0].ownRules[0].name: must be a printable name other than 'none'; got 'a\\x00'.",
        ),
        (
            {"ownRules": [{"name": "a" * 65, "agent": "abc"}]},
            "handles[0].ownRules[0].name: must be at most 64 characters long; got ",
        ),
        (
            {"ownRules": [{"name": "a", "agent": "abc", "sentence": "\0"}]},
            "handles[0].ownRules[0].sentence: must not hold the character U+0000",
        ),
        (
            {"ownRules": [MY_TEAM, {**MY_MONITOR, "name": "my team"}]},
            "name of an own rule of acme 'my team' is given twice; each must be given once.",
        ),
        (
            {"countedPurposes": ["agent", "people"]},
            "handles[0].countedPurposes[1]: must be one of search, agent, training, preview, monitor, scanner, "
            "prefetch, library, other; got 'people'.",
        ),
        (
            {"countedPurposes": ["agent", "agent"]},
            "counted purpose of acme 'agent' is given twice; each must be given once.",
        ),
        ({"countedPurposes": "agent"}, "handles[0].countedPurposes: must be a list; got 'agent'."),
    ],
)
def test_the_command_says_what_was_wrong_and_loads_nothing(
    world: World, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    (tmp_path / "accounts.json").write_text(json.dumps(accounts(**changes, timezone="UTC")))

    ran = world.run("accounts", str(tmp_path / "accounts.json"), check=False)

    assert ran.returncode == 1
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert rows(world, tables.own_rules) == rows(world, tables.counted_purposes) == []
    with world.database.connect() as connection:
        assert (
            "UTC"
            not in connection.execute(select(tables.handles.c.timezone).where(tables.handles.c.handle == "acme"))
            .scalars()
            .all()
        )


def test_the_command_loads_them(world: World, tmp_path: Path) -> None:
    file = tmp_path / "accounts.json"
    file.write_text(json.dumps(accounts(ownRules=[MY_TEAM, MY_MONITOR], countedPurposes=["agent"])))

    assert world.run_json("accounts", str(file))["own_rules"] == 2
    assert [row["name"] for row in rows(world, tables.own_rules)] == ["my team", "shop monitor"]
