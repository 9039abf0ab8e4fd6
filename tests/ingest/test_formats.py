"""The same requests in every format that CloudFront writes give the same clicks."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from support.logs import (
    GOOGLEBOT,
    IPHONE,
    REALTIME,
    STANDARD,
    Request,
    json_text,
    realtime_text,
    requests,
    standard_text,
    write,
    write_parquet,
)
from support.world import World

MIXED = [
    Request(1, country="US", referrer="https://l.facebook.com/l.php"),
    Request(2, user_agent=IPHONE, address="2001:db8::1", path="/about"),
    Request(3, user_agent=GOOGLEBOT),
    Request(4, host="GO.acme.example.:443", query="utm_source=x&y=%2520"),
    Request(5, method="HEAD"),
    Request(6, status="404"),
    Request(7, status="307", protocol="http", method="POST", result_type="Redirect"),
    Request(8, host="nobody.clickledger.localhost"),
    Request(9, path="/x"),
    Request(10, status="307"),
]
BUCKETS = {"lines": 10, "clicks": 6, "not_redirects": 2, "unknown_hosts": 1, "invalid_slugs": 1}


def write_format(folder: Path, name: str) -> Path:
    match name:
        case "realtime":
            return write(folder / "a.log", realtime_text(MIXED))
        case "realtime gzip":
            return write(folder / "a.gz", realtime_text(MIXED))
        case "realtime without last newline":
            return write(folder / "a.log", realtime_text(MIXED).rstrip("\n"))
        case "realtime with a header":
            return write(folder / "a.log", f"#Fields: {' '.join(REALTIME)}\n" + realtime_text(MIXED))
        case "standard":
            return write(folder / "a.gz", standard_text(MIXED))
        case "standard, fields reversed":
            return write(folder / "a.gz", standard_text(MIXED, STANDARD[::-1]))
        case "standard w3c v2":
            return write(folder / "a", standard_text(MIXED).replace("#Version: 1.0\n", ""))
        case "json lines":
            return write(folder / "a.gz", json_text(MIXED))
        case "parquet":
            write_parquet(folder / "a.parquet", MIXED)
            return folder / "a.parquet"
    raise AssertionError(name)


@pytest.mark.parametrize(
    "name",
    [
        "realtime",
        "realtime gzip",
        "realtime without last newline",
        "realtime with a header",
        "standard",
        "standard, fields reversed",
        "standard w3c v2",
        "json lines",
        "parquet",
    ],
)
def test_every_format_gives_the_same_clicks(world: World, tmp_path: Path, name: str) -> None:
    result = world.sync(write_format(tmp_path, name))

    counted = {bucket: getattr(result.identity, bucket) for bucket in BUCKETS}
    assert counted == BUCKETS
    clicks = world.clicks().sort("at")
    assert clicks["slug"].to_list() == ["launch", "about", "launch", "launch", "launch", "launch"]
    assert clicks["campaign_id"].to_list() == ["spring-launch", None, *["spring-launch"] * 4]
    assert clicks["referrer"].to_list() == ["facebook.com", *["direct"] * 5]
    country = ["US", "DE", "DE", "DE", "DE", "DE"] if "standard" not in name else [None] * 6
    assert clicks["country"].to_list() == country
    days = world.counts().filter(pl.col("grain") == "day")
    by_device = dict(days.group_by("device").agg(pl.col("clicks").sum()).iter_rows())
    assert by_device == {"DESKTOP": 3, "MOBILE": 1, "BOT": 2}
    assert days["bot_clicks"].sum() == 2


def test_one_request_in_two_formats_is_one_click(world: World, tmp_path: Path) -> None:
    first = world.sync(write(tmp_path / "realtime.gz", realtime_text(requests(50))))
    second = world.sync(write(tmp_path / "standard.gz", standard_text(requests(50))))

    assert (first.identity.clicks, second.identity.clicks, second.identity.duplicates) == (50, 0, 50)


@pytest.mark.parametrize("fields", ["timestamp,sc-status,cs-host,cs-uri-stem,x-edge-request-id"])
def test_the_least_field_list_counts_clicks_and_tracks_nothing_else(world: World, tmp_path: Path, fields: str) -> None:
    path = write(tmp_path / "a.log", realtime_text([Request(1, user_agent=GOOGLEBOT)], fields.split(",")))

    world.sync(path, fields=fields)

    click = world.clicks().row(0, named=True)
    assert click["slug"] == "launch"
    assert [click[name] for name in ("country", "referrer", "user_agent_id", "visitor", "method")] == [None] * 5
    counts = world.counts()
    assert counts["bot_clicks"].sum() == 0
    assert counts["device"].to_list() == [None, None]


def test_twice_encoded_agents_of_old_logs_are_the_same_agent(world: World, tmp_path: Path) -> None:
    old = Request(1, user_agent=IPHONE.replace("%20", "%2520"))
    world.sync(write(tmp_path / "a.gz", standard_text([old, Request(2, user_agent=IPHONE)])))

    assert world.clicks()["user_agent_id"].n_unique() == 1
    assert world.counts()["device"].unique().to_list() == ["MOBILE"]


def test_a_standard_log_whose_header_changes_midway_is_read_by_each_header(world: World, tmp_path: Path) -> None:
    shorter = STANDARD[:26]
    text = standard_text(requests(5)) + standard_text(requests(5, start=5), shorter)

    result = world.sync(write(tmp_path / "joined.gz", text))

    assert (result.identity.lines, result.identity.clicks) == (10, 10)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "no header, and no line has the 46 columns"),
        (b"PAR1 but not really", "a damaged Parquet file"),
        (b"#Version: 1.0\nno fields here\n", "a header without #Fields:"),
        (b"#Fields: date time sc-status\n2026-01-01\t00:00:00\t302\n", "missing fields: x-host-header"),
        (b'{"hello": "world"}\n', "missing fields: time"),
        (b"just,a,csv\n1,2,3\n", "no header, and no line has the 46 columns"),
    ],
)
def test_an_object_in_another_format_is_refused_and_sync_goes_on(
    world: World, tmp_path: Path, content: bytes, reason: str
) -> None:
    write(tmp_path / "logs" / "a.bin", content)
    write(tmp_path / "logs" / "b.gz", realtime_text(requests(3)))

    result = world.sync(tmp_path / "logs")

    assert (result.objects, result.identity.clicks) == (2, 3)
    assert result.complete
    refused = world.run("rejects", "--json")
    assert reason in refused.stdout
    assert world.sync(tmp_path / "logs").objects == 0


def test_a_new_list_of_fields_is_a_usage_error_when_it_cannot_show_clicks(world: World, tmp_path: Path) -> None:
    ran = world.run("sync", "--source", str(tmp_path), "--fields", "timestamp,cs-host", check=False)

    assert ran.returncode == 1
    assert "missing fields: cs-uri-stem, sc-status, x-edge-request-id" in ran.stderr


def test_an_object_refused_for_a_wrong_field_list_is_read_once_the_list_is_right(world: World, tmp_path: Path) -> None:
    fields = "timestamp,sc-status,cs-host,cs-uri-stem,x-edge-request-id"
    path = write(tmp_path / "a.log", realtime_text(requests(3), fields.split(",")))

    wrong = world.sync(path)
    again = world.sync(path, fields=fields)
    right = world.sync(path, fields=fields, full=True)

    assert [run.identity.clicks for run in (wrong, again, right)] == [0, 0, 3]
    assert world.run_json("rejects", "--json") == []
    assert world.sync(path, fields=fields, full=True).objects == 0
