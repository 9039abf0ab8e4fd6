"""What the edge's store is told: the records as data, and the calls as AWS's service model takes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from support.edge import Ask, Edge

from analytics_core.errors import AccountsFileError, SettingsError
from analytics_core.settings import Settings
from analytics_core.store.links import Link
from analytics_core.tracking.ctx import verify
from analytics_core.tracking.short_links import destination as api_destination
from deploy.edge.publish import changes, main, publish, records
from ingest.accounts.entries import AccountsFile

ARN = "arn:aws:cloudfront::123456789012:key-value-store/63947121-fcb1-404d-9ac2-d90f64ec5fd5"
NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
KEYS = ("n" * 40, "o" * 40)
ABOUT = {"ItemCount": 2, "TotalSizeInBytes": 20}
SETTINGS_RECORD = {"domain": "links.example", "secrets": list(KEYS), "ttl": 900}


def settings(**given: Any) -> Settings:
    values = {"public_domain": "links.example", "ctx_secrets": ",".join(KEYS)} | given
    return Settings(_env_file=None, **values)


def accounts(*links: Mapping[str, Any], domains: tuple[str, ...] = ("go.acme.example",)) -> AccountsFile:
    acme = {
        "handle": "acme",
        "plan": "PRO",
        "planSince": "2026-01-01T00:00:00Z",
        "domains": domains,
        "links": [{"destinationUrl": "https://shop.example/"} | dict(link) for link in links],
    }
    return AccountsFile.model_validate({"handles": [acme]})


def link_record(**link: Any) -> Any:
    return json.loads(records(accounts({"slug": "launch"} | link), settings())["acme/launch"])


def test_the_store_holds_settings_domains_and_enabled_links() -> None:
    made = records(accounts({"slug": "launch"}, {"slug": "hidden", "enabled": False}), settings())

    assert list(made) == ["settings", "go.acme.example", "acme/launch"]
    assert json.loads(made["settings"]) == SETTINGS_RECORD
    assert made["go.acme.example"] == "acme"


def test_a_record_is_as_short_as_the_link_is_plain() -> None:
    assert link_record() == {"to": "https://shop.example/"}
    assert link_record(redirectStatus=307, appendContextParam=True, expiresAt="2026-03-12T13:00:00+01:00") == {
        "to": "https://shop.example/",
        "status": 307,
        "ctx": 1,
        "expires": NOW.timestamp(),
    }
    assert isinstance(link_record(expiresAt="2026-03-12T12:00:00Z")["expires"], int)
    assert link_record(expiresAt="2026-03-12T12:00:00.250Z")["expires"] == NOW.timestamp() + 0.25


@pytest.mark.parametrize(
    ("destination", "told"),
    [
        ("https://shop.example/a?b=1&c=%20#d", "https://shop.example/a?b=1&c=%20#d"),
        ("https://shop.example/größe?q=a b", "https://shop.example/gr%C3%B6%C3%9Fe?q=a%20b"),
        ("https://shop.example/\r\nset-cookie: a=b", "https://shop.example/%0D%0Aset-cookie:%20a=b"),
        ('https://shop.example/{a}|b?q="<^`>"', "https://shop.example/%7Ba%7D%7Cb?q=%22%3C%5E%60%3E%22"),
        ("https://shop.example/a~b_c-d.e?f=:/?#[]@!$&'()*+,;=", "https://shop.example/a~b_c-d.e?f=:/?#[]@!$&'()*+,;="),
    ],
)
def test_a_destination_fits_into_a_header_and_is_that_of_the_api(destination: str, told: str) -> None:
    assert link_record(destinationUrl=destination)["to"] == told
    link = Link("acme", "launch", destination, 302, False, True, None)
    own = api_destination(link, "id", given=None, consent="full", keys=KEYS, ttl=timedelta(minutes=15), now=NOW)
    assert own == told


def test_what_does_not_fit_is_refused_by_name() -> None:
    with pytest.raises(AccountsFileError, match=r"acme/launch: .*1024 bytes"):
        link_record(destinationUrl="https://shop.example/" + "a" * 1000)
    with pytest.raises(AccountsFileError, match=r"www\.links\.example"):
        records(accounts(domains=("www.links.example",)), settings())
    with pytest.raises(SettingsError, match="CLICKLEDGER_CTX_SECRETS"):
        records(accounts(), settings(ctx_secrets=None))


def test_only_the_named_handles_lose_keys() -> None:
    wanted = records(accounts({"slug": "launch"}), settings())
    stored = wanted | {
        "acme/launch": "older",
        "acme/gone": "{}",
        "old.acme.example": "acme",
        "zed/launch": "{}",
        "go.zed.example": "zed",
    }

    change = changes(stored, wanted, frozenset({"acme"}))

    assert change.puts == {"acme/launch": wanted["acme/launch"]}
    assert change.deletes == {"acme/gone", "old.acme.example"}
    assert changes(wanted, wanted, frozenset({"acme"})).puts == {}


def client() -> Any:
    return boto3.client(
        "cloudfront-keyvaluestore", region_name="us-east-1", aws_access_key_id="id", aws_secret_access_key="key"
    )


def described() -> dict[str, Any]:
    return ABOUT | {"KvsARN": ARN, "Created": NOW, "ETag": "v1"}


def listed(stored: Mapping[str, str]) -> dict[str, Any]:
    return {"Items": [{"Key": key, "Value": value} for key, value in stored.items()]}


def test_changes_are_written_fifty_at_a_time_each_on_the_version_before() -> None:
    file = accounts(*({"slug": f"link{number:03}"} for number in range(60)))
    wanted = records(file, settings())
    puts = [{"Key": key, "Value": value} for key, value in wanted.items() if key != "go.acme.example"]
    store = client()
    with Stubber(store) as stub:
        stub.add_response("describe_key_value_store", described(), {"KvsARN": ARN})
        stub.add_response("list_keys", listed({"go.acme.example": "acme"}) | {"NextToken": "more"}, {"KvsARN": ARN})
        stub.add_response("list_keys", listed({"acme/gone": "{}"}), {"KvsARN": ARN, "NextToken": "more"})
        for version, batch, deletes in [(1, puts[:50], []), (2, puts[50:], []), (3, [], [{"Key": "acme/gone"}])]:
            told = {"KvsARN": ARN, "IfMatch": f"v{version}", "Puts": batch, "Deletes": deletes}
            stub.add_response("update_keys", ABOUT | {"ETag": f"v{version + 1}"}, told)
        change = publish(store, ARN, file, settings(), dry=False)
        stub.assert_no_pending_responses()
    assert (len(change.puts), change.deletes) == (61, {"acme/gone"})


def test_a_dry_run_writes_nothing() -> None:
    store = client()
    with Stubber(store) as stub:
        stub.add_response("describe_key_value_store", described(), {"KvsARN": ARN})
        stub.add_response("list_keys", listed({}), {"KvsARN": ARN})
        assert set(publish(store, ARN, accounts(), settings(), dry=True).puts) == {"settings", "go.acme.example"}


def test_what_is_published_is_what_the_function_reads(edge: Edge) -> None:
    destination = "https://shop.example/größe?a=1#x"
    link = {"slug": "launch", "destinationUrl": destination, "redirectStatus": 307, "appendContextParam": True}
    stored = records(accounts(link, {"slug": "ended", "expiresAt": "2026-03-12T12:00:00Z"}), settings())

    own, ended = edge.answers(Ask("go.acme.example/launch", stored, NOW), Ask("acme.links.example/ended", stored, NOW))

    path, _, rest = own["headers"]["location"]["value"].partition("&ctx=")
    assert (own["statusCode"], path) == (307, "https://shop.example/gr%C3%B6%C3%9Fe?a=1")
    assert verify(rest.removesuffix("#x"), settings().ctx_keys, NOW).handle == "acme"
    assert ended["statusCode"] == 410


@pytest.mark.parametrize(("is_on", "status"), [(True, 302), (False, 404)])
def test_the_setting_of_a_trailing_slash_reaches_the_function(edge: Edge, is_on: bool, status: int) -> None:
    stored = records(accounts({"slug": "launch"}), settings(trailing_slash=is_on))

    assert edge.answer(Ask("acme.links.example/launch/", stored, NOW))["statusCode"] == status


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.json"), "--kvs-arn", ARN]) == 1
    assert "none.json does not exist" in capsys.readouterr().err

    link = {"slug": "launch", "destinationUrl": "//shop.example/launch"}
    acme = {"handle": "acme", "plan": "PRO", "planSince": "2026-01-01T00:00:00Z", "links": [link]}
    (tmp_path / "accounts.json").write_text(json.dumps({"handles": [acme]}))
    assert main([str(tmp_path / "accounts.json"), "--kvs-arn", ARN]) == 1
    told = capsys.readouterr().err
    assert "handles[0].links[0].destinationUrl: must be an absolute http or https URL" in told
    assert "got '//shop.example/launch'." in told
