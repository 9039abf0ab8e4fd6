"""The accounts file: all of it or nothing, errors that name the place, history that is never rewritten."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from support.world import ACCOUNTS, NOW, World

from analytics_core.errors import AccountsFileError
from analytics_core.store import tables
from analytics_core.store.account_lookup import Accounts
from analytics_core.store.links import Links
from ingest.accounts.accounts_file import parse_accounts, read_accounts


def changed(**changes: Any) -> dict[str, Any]:
    accounts = copy.deepcopy(ACCOUNTS)
    accounts["handles"][0] |= changes
    return accounts


def states(world: World) -> list[tuple[Any, ...]]:
    link = tables.links
    with world.database.connect() as connection:
        rows = connection.execute(
            select(link.c.slug, link.c.campaign_id, link.c.valid_from, link.c.valid_to).order_by(
                link.c.slug, link.c.valid_from
            )
        )
        return [tuple(row) for row in rows]


def test_loading_again_changes_nothing(world: World) -> None:
    before = states(world)

    world.load(at=NOW + timedelta(days=1))

    assert states(world) == before


def test_a_changed_link_closes_one_state_and_opens_another(world: World) -> None:
    later = NOW + timedelta(days=1)
    world.load(changed(links=[{"slug": "launch", "destinationUrl": "https://shop.example/launch"}]), at=later)

    assert states(world) == [
        ("about", None, NOW, later),
        ("launch", "spring-launch", NOW, later),
        ("launch", None, later, None),
    ]


def test_a_new_plan_and_new_people_count_at_once(world: World) -> None:
    world.load(changed(plan="ENTERPRISE", collaborators=[{"userId": "user_new", "role": "OWNER"}]))

    accounts = Accounts(world.database)
    found = accounts.find("acme")
    assert found is not None
    assert found.plan == "ENTERPRISE"
    assert accounts.handles_of("user_ann") == ()
    assert accounts.handles_of("user_new") == ("acme",)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        (
            {"colour": "red"},
            "handles[0].colour: is not a known key; the keys are handle, plan, planSince, domains, timezone",
        ),
        ({"timzone": "UTC"}, "handles[0].timzone: is not a known key (did you mean timezone?)."),
        (
            {"links": [{"slug": "abcd", "destinatonUrl": "x"}]},
            "destinatonUrl: is not a known key (did you mean destinationUrl?).",
        ),
        ({"planSince": "2026-10-01T00:00:00"}, "such as 2026-10-01T00:00:00Z; got '2026-10-01T00:00:00'"),
        (
            {"links": [{"slug": "a b", "destinationUrl": "https://a.example/"}]},
            "must be of the form ^[A-Za-z0-9_-]{4,24}$; got 'a b'",
        ),
        ({"plan": "GOLD"}, "handles[0].plan"),
        ({"planSince": "2026-01-01T00:00:00"}, "handles[0].planSince"),
        *(
            (
                {"timezone": name},
                "handles[0].timezone: timezone must be the name of an IANA time zone such as "
                f"Europe/Berlin or UTC; got {name!r}.",
            )
            for name in ("Mars/Olympus", "localtime", "Factory", "posixrules", "right/UTC", "europe/berlin", "")
        ),
        ({"handle": "Not A Handle"}, "handles[0].handle"),
        ({"links": [{"slug": "abc", "destinationUrl": "https://x.example"}]}, "handles[0].links[0].slug"),
        ({"links": [{"slug": "abcd", "destinationUrl": "https://x.example", "redirectStatus": 301}]}, "redirectStatus"),
        ({"collaborators": [{"userId": "u", "role": "KING"}]}, "handles[0].collaborators[0].role"),
        (
            {"links": [{"slug": "abcd", "destinationUrl": "https://x.example", "campaignId": "none"}]},
            "campaignId must name a campaign of the handle; got 'none'",
        ),
        ({"handle": "zed"}, "handle 'zed' is given twice"),
    ],
)
def test_what_is_not_allowed_is_named_with_its_place(
    world: World, tmp_path: Path, changes: dict[str, Any], place: str
) -> None:
    path = tmp_path / "accounts.json"
    path.write_text(json.dumps(changed(**changes)))

    with pytest.raises(AccountsFileError) as raised:
        read_accounts(path)
    assert place in raised.value.message


@pytest.mark.parametrize(
    "url",
    [
        *("", "/launch", "//shop.example/launch", "shop.example/launch", "launch", "?a=b", "#top"),
        *("javascript:alert(1)", "JavaScript://shop.example/%0aalert(1)", "data:text/html,x", "mailto:a@b.example"),
        *("ftp://shop.example/", "file:///etc/passwd", "https:shop.example", "https:/shop.example", "https:///launch"),
        *(
            "https://",
            "https://?a=b",
            "https://:443/",
            "https://user@/",
            "https://shop.example:99999/",
            "https://[::1/",
        ),
        *("https:\\\\shop.example", "https://shop.example\\@evil.example/", "https://shop .example/"),
        *(" https://shop.example", "\thttps://shop.example", "java\nscript:alert(1)", "https://sh\top.example/"),
        *("https://1.2.3.4.5/", "https://%zz/", "https://shop.example/a\0b"),
    ],
)
def test_a_destination_that_is_no_absolute_url_is_refused_with_its_place(tmp_path: Path, url: str) -> None:
    links = [*ACCOUNTS["handles"][0]["links"], {"slug": "away", "destinationUrl": url}]
    file = tmp_path / "accounts.json"
    file.write_text(json.dumps(changed(links=links, plan="ENTERPRISE")))

    with pytest.raises(AccountsFileError) as raised:
        read_accounts(file)

    assert "accounts.json: handles[0].links[2].destinationUrl: must " in raised.value.message
    assert f"got {url!r}" in raised.value.message


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://shop.example",
            "HTTP://Shop.Example:8080/a?b=1#c",
            "https://user:word@shop.example/",
            "https://[::1]/",
        ),
        *("https://größe.example/ü?q=a b", "https://1.2.3.4/", "https://localhost/", "https://shop.example?a=b"),
        *("https://shop.example/\\a|b", "https://shop.example/?u=javascript:alert(1)", "https://a_b.example/%zz"),
    ],
)
def test_a_destination_is_kept_as_it_stands(world: World, url: str) -> None:
    world.load(changed(links=[{"slug": "away", "destinationUrl": url}]))

    found = Links(world.database).find("acme", "away")
    assert found is not None
    assert found.destination_url == url


def test_the_command_loads_nothing_of_a_file_with_a_wrong_destination(world: World, tmp_path: Path) -> None:
    links = [{"slug": "away", "destinationUrl": "javascript:alert(1)"}]
    (tmp_path / "accounts.json").write_text(json.dumps(changed(links=links, plan="ENTERPRISE")))

    ran = world.run("accounts", str(tmp_path / "accounts.json"), check=False)

    assert ran.returncode == 1
    assert "destinationUrl: must be an absolute http or https URL such as https://shop.example/launch" in ran.stderr
    assert "got 'javascript:alert(1)'." in ran.stderr
    found = Accounts(world.database).find("acme")
    assert found is not None
    assert found.plan == "PRO"


@pytest.mark.parametrize(
    "changes",
    [
        {"collaborators": [{"userId": "user\0ann", "role": "OWNER"}]},
        {"campaigns": [{"campaignId": "a\0b", "name": "A"}], "links": []},
        {"campaigns": [{"campaignId": "a", "name": "A\0"}], "links": []},
        {"links": [{"slug": "away", "destinationUrl": "https://shop.example", "title": "\0"}]},
    ],
)
def test_a_character_that_no_database_takes_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(
        AccountsFileError, match=r"accounts\.json: handles\[0\]\..*: must not hold the character U\+0000"
    ):
        parse_accounts("accounts.json", json.dumps(changed(**changes)).encode())


def test_a_domain_belongs_to_one_handle(world: World) -> None:
    accounts = copy.deepcopy(ACCOUNTS)
    accounts["handles"] = [{**accounts["handles"][1], "domains": ["go.acme.example"]}]

    with pytest.raises(AccountsFileError, match=r"go\.acme\.example belongs to acme"):
        world.load(accounts)


def test_the_command_says_what_was_wrong_and_ends_with_1(world: World, tmp_path: Path) -> None:
    (tmp_path / "accounts.json").write_text('{"handles": [{"handle": "acme", "plan": "PRO"}]}')

    ran = world.run("accounts", str(tmp_path / "accounts.json"), check=False)
    missing = world.run("accounts", str(tmp_path / "nowhere.json"), check=False)

    assert (ran.returncode, missing.returncode) == (1, 1)
    assert "handles[0].planSince: is required" in ran.stderr
    assert "does not exist" in missing.stderr
    assert world.run("accounts", check=False).returncode == 2


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("GO.Acme.Example", "go.acme.example"),
        ("go.acme.example.", "go.acme.example"),
        ("bücher.de", "xn--bcher-kva.de"),
        ("Bücher。de", "xn--bcher-kva.de"),
        ("straße.de", "xn--strae-oqa.de"),  # not strasse.de, which is another's
        ("r3--cdn.acme.example", "r3--cdn.acme.example"),
    ],
)
def test_a_domain_is_kept_as_hosts_are_logged(world: World, written: str, host: str) -> None:
    world.load({"handles": [{**ACCOUNTS["handles"][0], "domains": [written]}]})
    with world.database.connect() as connection:
        assert connection.execute(select(tables.domains.c.domain)).scalars().all() == [host]


@pytest.mark.parametrize(
    "domain",
    ["https://go.acme.example", "localhost", "go acme.example", "a..b", ".acme.example", "", "x" * 64 + ".de", "ü..de"],
)
def test_what_is_no_domain_is_told(domain: str) -> None:
    content = json.dumps({"handles": [{**ACCOUNTS["handles"][0], "domains": [domain]}]}).encode()
    with pytest.raises(
        AccountsFileError, match=r"handles\[0\]\.domains\[0\]: .*must be a domain such as go\.acme\.example; got "
    ):
        parse_accounts("accounts.json", content)


@pytest.mark.parametrize("domain", ["zed.clickledger.localhost", "clickledger.localhost", "a.b.clickledger.localhost"])
def test_no_domain_lies_where_handles_have_their_hosts(world: World, domain: str) -> None:
    entry = {**ACCOUNTS["handles"][0], "domains": ["go.acme.example", domain]}
    with pytest.raises(AccountsFileError, match=r"handles\[0\]\.domains: .*belongs to clickledger\.localhost"):
        world.load({"handles": [entry]})


def test_a_domain_moves_to_a_handle_that_stands_before_the_one_that_gives_it_up(world: World) -> None:
    acme, zed = ACCOUNTS["handles"]
    world.load({"handles": [zed, acme]})
    world.load({"handles": [{**zed, "domains": acme["domains"]}, {**acme, "domains": []}]})
    with world.database.connect() as connection:
        assert connection.execute(select(tables.domains)).all() == [("go.acme.example", "zed")]
