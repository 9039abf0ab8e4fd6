"""The same requests in every format that CloudFront writes give the same clicks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import update
from support.logs import (
    GOOGLEBOT,
    IPHONE,
    LEAST,
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

from analytics_core.store import tables

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
        case _:
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


TIMES = [
    ("timestamp",),
    ("timestamp", "DistributionId"),
    ("date", "time", "timestamp"),
    ("date", "time", "timestamp", "timestamp(ms)", "DistributionId"),
    ("timestamp(ms)", "timestamp"),
]
WITHOUT_TIME = tuple(name for name in STANDARD if name not in ("date", "time"))


@pytest.mark.parametrize("container", ["json", "w3c", "parquet"])
def test_a_standard_log_with_a_timestamp_counts_each_click_once(world: World, tmp_path: Path, container: str) -> None:
    """Real-time logs have a `timestamp`, too, and the viewer's host in the other one of two fields."""
    for number, times in enumerate(TIMES):
        items, fields = requests(4, start=10 * number), (*WITHOUT_TIME, *times)
        path = tmp_path / "v2" / f"{number}"
        if container == "parquet":
            path.parent.mkdir(exist_ok=True)
            write_parquet(path, items, fields)
        else:
            write(path, json_text(items, fields) if container == "json" else standard_text(items, fields))
    legacy = [item for number in range(len(TIMES)) for item in requests(4, start=10 * number)]

    first = world.sync(tmp_path / "v2")
    again = world.sync(write(tmp_path / "legacy.gz", standard_text(legacy)))

    assert (first.identity.lines, first.identity.clicks) == (20, 20)
    assert (again.identity.clicks, again.identity.duplicates) == (0, 20)
    assert sorted(world.clicks()["at"].to_list()) == sorted(item.time for item in legacy)
    assert world.clicks()["visitor"].n_unique() == 1


def test_a_timestamp_of_a_standard_log_is_in_seconds_or_in_milliseconds(world: World, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in json_text(requests(2), (*WITHOUT_TIME, "timestamp")).splitlines()]
    rows[1]["timestamp"] = rows[1]["timestamp"].replace(".", "")
    world.sync(write(tmp_path / "a.json", "\n".join(map(json.dumps, rows))))

    assert sorted(world.clicks()["at"].to_list()) == [item.time for item in requests(2)]


@pytest.mark.parametrize("kind", ["real-time", "standard"])
def test_names_in_a_spelling_of_ones_own_that_both_kinds_have_lose_no_click(
    world: World, tmp_path: Path, kind: str
) -> None:
    """The host is then the one that is not CloudFront's own."""
    both = ("timestamp", "c-ip", "sc-status", "cs-uri-stem", "x-edge-request-id", "x-host-header")
    fields = (*both, "cs-host", "cs-user-agent") if kind == "real-time" else (*both, "cs(Host)", "cs(User-Agent)")
    items = [Request(number, query="q=1") for number in range(3)]
    for name in ("a.json", "b.parquet"):
        rows = [json.loads(line) for line in json_text(items, fields).splitlines()]
        own = [
            {key.lower().replace("(", "_").replace(")", "").replace("-", "_"): row[key] for key in row} for row in rows
        ]
        if name == "b.parquet":
            pl.DataFrame(own).write_parquet(tmp_path / name)
        else:
            write(tmp_path / name, "\n".join(map(json.dumps, own)))

    result = world.sync(tmp_path / "a.json", tmp_path / "b.parquet")

    assert (result.identity.clicks, result.identity.duplicates) == (3, 3)


def test_a_full_sync_reads_again_what_release_0_1_0_took_for_unknown_hosts(world: World, tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", standard_text([Request(1), Request(2, host="nobody.clickledger.localhost")]))
    world.sync(path)
    assert world.sync(path, full=True).objects == 0
    as_0_1_0_said = "\n".join([world.settings.public_domain, "acme", "zed", "go.acme.example=acme"])
    version = hashlib.blake2b(as_0_1_0_said.encode(), digest_size=16).hexdigest()
    with world.database.begin() as connection:
        connection.execute(update(tables.objects).values(hosts=version))

    again = world.sync(path, full=True)

    assert (again.objects, again.identity.duplicates, again.identity.unknown_hosts) == (1, 1, 1)
    assert world.sync(path, full=True).objects == 0


def test_one_request_in_two_formats_is_one_click(world: World, tmp_path: Path) -> None:
    first = world.sync(write(tmp_path / "realtime.gz", realtime_text(requests(50))))
    second = world.sync(write(tmp_path / "standard.gz", standard_text(requests(50))))

    assert (first.identity.clicks, second.identity.clicks, second.identity.duplicates) == (50, 0, 50)


def test_the_least_field_list_counts_clicks_and_tracks_nothing_else(world: World, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", realtime_text([Request(1, user_agent=GOOGLEBOT)], LEAST))

    world.sync(path, fields=",".join(LEAST))

    click = world.clicks().row(0, named=True)
    assert click["slug"] == "launch"
    assert [click[name] for name in ("country", "referrer", "user_agent_id", "visitor", "method")] == [None] * 5
    counts = world.counts().filter(pl.col("grain") != "detail")
    assert counts["bot_clicks"].sum() == 0
    assert counts["device"].to_list() == [None, None]


def test_an_empty_value_means_in_every_format_what_a_hyphen_means(world: World, tmp_path: Path) -> None:
    """A click without an agent is a bot's; without a referrer, direct; without a country, from nobody knows where."""
    items = [Request(1, user_agent="", country="", address="", method="", result_type="")]
    v2 = (*STANDARD, "c-country")
    row = json.loads(json_text(items, v2))
    hyphens = {key: value or "-" for key, value in row.items()}
    nulls = {key: value or None for key, value in row.items()}
    missing = {key: value for key, value in row.items() if value}
    texts = {
        "hyphens.json": "\n".join(json.dumps(hyphens | {"x-edge-request-id": f"first{n}"}) for n in range(101)),
        "empty.json": json.dumps(row),
        "nulls.json": json.dumps(nulls),
        # Keys that the first line shows are fields of the log.
        "missing.json": json.dumps(hyphens | {"x-edge-request-id": "second"}) + "\n" + json.dumps(missing),
        "realtime.log": realtime_text(items),
        "w3c.log": standard_text(items, v2),
        "w3c reversed.log": standard_text(items, v2[::-1]),
        "w3c beside others.log": standard_text([*requests(3, start=5), *items, *requests(3, start=8)], v2),
    }
    for place, (name, text) in enumerate(texts.items()):
        write(tmp_path / "logs" / name, text.replace(items[0].id, f"{place}-of-its-own"))
    for place, one in enumerate((row, nulls)):
        named = {name.lower().replace("(", "_").replace(")", "").replace("-", "_"): one[name] for name in one}
        named["x_edge_request_id"] = f"{place}-of-parquet"
        pl.DataFrame([named], schema=dict.fromkeys(named, pl.String)).write_parquet(
            tmp_path / "logs" / f"{place}.parquet"
        )

    result = world.sync(tmp_path / "logs")

    assert (result.identity.lines, result.identity.clicks, result.identity.rejected) == (
        101 + 4 + 1 + 3 + 6 + 2,
        117,
        0,
    )
    empty = world.clicks().filter(pl.col("visitor").is_null())
    assert empty.height == 111
    said = empty.select("slug", "country", "referrer", "referrer_host", "user_agent_id", "method", "campaign_id")
    assert said.unique().rows(named=True) == [said.row(0, named=True)]
    assert said.row(0, named=True)["country"] == "ZZ"
    assert said.row(0, named=True)["method"] == "-"
    days = world.counts().filter(pl.col("grain") == "day")
    assert days.filter(pl.col("device") == "BOT")["bot_clicks"].sum() == 111


def test_who_denies_consent_has_no_visitor_in_parquet_either(world: World, tmp_path: Path) -> None:
    fields = (*LEAST, "c-ip", "cs-user-agent", "cs-headers")
    rows = [item.line(fields).split("\t") for item in requests(3)]
    for row, headers in zip(rows, ("Sec-GPC:1%0A", "", "-"), strict=True):
        row[-1] = headers
    names = [name.replace("-", "_") for name in fields]
    pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row").write_parquet(tmp_path / "a.parquet")

    assert world.sync(tmp_path / "a.parquet").identity.clicks == 3
    assert world.clicks()["visitor"].null_count() == 1


def test_twice_encoded_agents_of_old_logs_are_the_same_agent(world: World, tmp_path: Path) -> None:
    old = Request(1, user_agent=IPHONE.replace("%20", "%2520"))
    world.sync(write(tmp_path / "a.gz", standard_text([old, Request(2, user_agent=IPHONE)])))

    assert world.clicks()["user_agent_id"].n_unique() == 1
    assert world.counts().filter(pl.col("grain") == "day")["device"].unique().to_list() == ["MOBILE"]


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


@pytest.mark.parametrize(
    ("delimiter", "name"), [(" ", "spaces"), (",", "commas"), (";", "semicolons"), ("|", "vertical bars")]
)
def test_a_standard_log_with_another_delimiter_is_refused_and_makes_nothing_fresh(
    world: World, tmp_path: Path, delimiter: str, name: str
) -> None:
    """As a delivery of standard logs (v2) in W3C may be configured."""
    head, *lines = standard_text(requests(3)).partition("#Fields:")[2].splitlines()
    text = "\n".join([f"#Fields:{head}", *(line.replace("\t", delimiter) for line in lines), ""])
    write(tmp_path / "logs" / "1.gz", text)

    ran = world.run("sync", "--source", str(tmp_path / "logs"), check=False)
    assert ran.returncode == 1
    assert f"{name} between the values of a line; the field delimiter must be a tab" in ran.stderr
    assert not world.has_read_everything()

    write(tmp_path / "logs" / "2.gz", standard_text(requests(3)))
    assert world.sync(tmp_path / "logs").identity.clicks == 3
