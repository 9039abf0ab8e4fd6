"""Scheduled exports: each period once, whole files with a manifest, and none for a plan without exports."""

from __future__ import annotations

import copy
import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import update
from support import s3
from support.logs import Request, realtime_text, write
from support.world import ACCOUNTS, NOW, World

from analytics_core.bootstrap import Application, build
from analytics_core.errors import ClickledgerError, InvalidParameterError, NotFoundError
from analytics_core.exports.scheduled_runs import Run, deliver
from analytics_core.exports.schedules import add, past_runs, remove, saved
from analytics_core.store import object_storage, tables


@pytest.fixture
def open_at(world: World) -> Iterator[Callable[[datetime], Application]]:
    """The application of a world that was synced just before; ten clicks on March 10."""
    world.sync(write(world.folder / "logs" / "a.gz", realtime_text(Request(number) for number in range(10))).parent)
    opened: list[Application] = []

    def open_(now: datetime) -> Application:
        world.now = now
        world.sync(world.folder / "logs")
        opened.append(build(world.settings, clock=lambda: now))
        return opened[-1]

    yield open_
    for application in opened:
        application.analytics.close()


def on_plan(world: World, plan: str) -> None:
    accounts = copy.deepcopy(ACCOUNTS)
    accounts["handles"][0]["plan"] = plan
    world.load(accounts)


def save(application: Application, place: Path | str, **wanted: str) -> str:
    given = {"every": "daily", "format_name": "csv", "query": "groupBy=country&tz=UTC"} | wanted
    return add(application, handle="acme", place=str(place), **given).delivery_id  # type: ignore[arg-type]


def outcomes(runs: list[Run]) -> list[tuple[str, str]]:
    return [(run.from_day, run.outcome) for run in runs]


def test_a_period_is_delivered_once_and_the_next_when_it_is_over(
    open_at: Callable[[datetime], Application], tmp_path: Path
) -> None:
    application = open_at(NOW - timedelta(days=1))
    delivery = save(application, tmp_path / "out")

    first = list(deliver(application))
    again = list(deliver(application))
    later = list(deliver(open_at(NOW + timedelta(days=1))))

    assert outcomes(first) == [("20260310", "delivered")]
    assert again == []
    assert outcomes(later) == [("20260311", "delivered"), ("20260312", "delivered")]
    file = tmp_path / "out" / "acme-country-20260310-20260310.csv"
    assert first[0].file == str(file)
    assert list(csv.reader(io.StringIO(file.read_text()))) == [
        ["country", "clicks", "qualifiedClicks", "botClicks", "conversions"],
        ["DE", "10", "10", "0", "0"],
    ]
    manifest = json.loads(file.with_name(f"{file.name}.manifest.json").read_text())
    assert manifest["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert manifest["id"] == first[0].export_id
    assert manifest["createdBy"] == "ingest deliver"
    assert sorted(path.suffix for path in file.parent.iterdir()) == sorted([".csv", ".json"] * 3)
    assert saved(application.database)[0].delivery_id == delivery


def test_a_downgrade_ends_deliveries_at_once_and_says_why(
    world: World, open_at: Callable[[datetime], Application], tmp_path: Path
) -> None:
    application = open_at(NOW)
    delivery = save(application, tmp_path / "out")
    on_plan(world, "FREE")

    skipped = list(deliver(application))

    assert outcomes(skipped) == [("20260311", "skipped")]
    assert skipped[0].reason.startswith("feature_locked: Exports need the plan PRO")
    assert not (tmp_path / "out").exists()
    (kept,) = past_runs(application.database, "acme", 50)
    assert (kept["delivery_id"], kept["outcome"], kept["file"]) == (delivery, "skipped", "")
    assert kept["reason"] == skipped[0].reason

    on_plan(world, "ENTERPRISE")
    assert outcomes(list(deliver(application))) == [("20260311", "delivered")]
    assert [kept["outcome"] for kept in past_runs(application.database, "acme", 50)] == ["delivered"]


def test_a_free_handle_cannot_save_one(
    world: World, open_at: Callable[[datetime], Application], tmp_path: Path
) -> None:
    application = open_at(NOW)
    on_plan(world, "FREE")
    with pytest.raises(ClickledgerError) as refused:
        save(application, tmp_path)
    assert refused.value.code == "feature_locked"
    assert refused.value.extra == {"feature": "exports", "requiredPlan": "PRO"}


def test_a_period_waits_for_a_sync_that_came_after_it(
    world: World, open_at: Callable[[datetime], Application], tmp_path: Path
) -> None:
    application = open_at(NOW)
    save(application, tmp_path / "out")
    tomorrow = build(world.settings, clock=lambda: NOW + timedelta(days=1))

    runs = list(deliver(tomorrow))
    tomorrow.analytics.close()

    assert outcomes(runs) == [("20260311", "delivered"), ("20260312", "skipped")]
    assert runs[1].reason.startswith("not_synced")


def test_weeks_begin_on_monday_in_the_zone_of_the_handle(
    open_at: Callable[[datetime], Application], tmp_path: Path
) -> None:
    sunday_evening_utc = datetime.fromisoformat("2026-03-15T23:30:00+00:00")  # Monday in Berlin
    application = open_at(sunday_evening_utc)
    save(application, tmp_path / "out", every="weekly", query="groupBy=day")

    runs = list(deliver(application))

    assert [(run.from_day, run.to_day) for run in runs] == [("20260309", "20260315")]
    rows = list(csv.DictReader(io.StringIO(Path(runs[0].file).read_text())))
    assert [row["day"] for row in rows] == [f"202603{day:02}" for day in range(9, 16)]
    assert sum(int(row["clicks"]) for row in rows) == 10


@pytest.mark.parametrize("format_name", ["csv", "json", "parquet"])
@pytest.mark.parametrize("group_by", ["slug", "event"])
def test_every_format_holds_the_same_rows(
    open_at: Callable[[datetime], Application], tmp_path: Path, format_name: str, group_by: str
) -> None:
    application = open_at(NOW - timedelta(days=1))
    save(application, tmp_path, format_name=format_name, query=f"groupBy={group_by}&tz=UTC")

    (run,) = deliver(application)

    path = Path(run.file)
    readers: dict[str, Callable[[], pl.DataFrame]] = {
        "csv": lambda: pl.read_csv(path),
        "json": lambda: pl.DataFrame(json.loads(path.read_text())["rows"]),
        "parquet": lambda: pl.read_parquet(path),
    }
    rows = readers[format_name]()
    assert rows.height == (10 if group_by == "event" else 1)
    assert set(rows["slug"]) == {"launch"}


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"query": "groupBy=colour"}, "invalid_group_by"),
        ({"query": "groupBy=slug&fromDay=20260101"}, "invalid_parameter"),
        ({"query": "groupBy=slug&tz=Mars"}, "invalid_timezone"),
        ({"query": "groupBy=slug&tz=localtime"}, "invalid_timezone"),
        ({"format_name": "xlsx"}, "invalid_format"),
        ({"query": "groupBy=slug&counry=DE"}, "invalid_parameter"),
        ({"query": "groupBy=slug&groupBy=day"}, "invalid_parameter"),
        ({"query": "groupBy=slug&country=DE&country=-AT"}, "invalid_parameter"),
        ({"query": "funnel=true"}, "invalid_parameter"),
    ],
)
def test_what_cannot_be_delivered_is_refused_when_it_is_saved(
    open_at: Callable[[datetime], Application], tmp_path: Path, wanted: dict[str, str], code: str
) -> None:
    application = open_at(NOW)
    with pytest.raises(ClickledgerError) as refused:
        save(application, tmp_path, **wanted)
    assert refused.value.code == code
    assert saved(application.database) == ()


def test_a_delivery_in_a_zone_that_is_none_any_more_fails_and_holds_up_no_other(
    open_at: Callable[[datetime], Application], tmp_path: Path
) -> None:
    application = open_at(NOW)
    lost = save(application, tmp_path / "lost")
    kept = save(application, tmp_path / "kept")
    delivery = tables.deliveries
    with application.database.begin() as connection:
        connection.execute(update(delivery).where(delivery.c.delivery_id == lost).values(timezone="US/Pacific-New"))

    runs = {run.delivery_id: run for run in deliver(application)}

    assert (runs[lost].outcome, runs[lost].reason) == (
        "failed",
        "invalid_timezone: tz must be the name of an IANA time zone such as Europe/Berlin or UTC; "
        "got 'US/Pacific-New'.",
    )
    assert runs[kept].outcome == "delivered"


def test_two_deliveries_do_not_overwrite_each_other(open_at: Callable[[datetime], Application], tmp_path: Path) -> None:
    application = open_at(NOW)
    first = save(application, tmp_path)
    with pytest.raises(
        InvalidParameterError,
        match=r"The place must be another one than .*: delivery \w+ writes files of the same names there",
    ):
        save(application, tmp_path, query="groupBy=country&country=DE")
    remove(application.database, first, NOW)
    save(application, tmp_path, query="groupBy=country&country=DE")
    with pytest.raises(NotFoundError):
        remove(application.database, first, NOW)


def test_other_spellings_of_a_place_are_the_same_place(
    open_at: Callable[[datetime], Application], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = open_at(NOW)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "out")
    save(application, tmp_path / "out")
    save(application, "s3://reports/acme/")
    for place in ("out", "./out/", f"{tmp_path}//out", "x/../out", "link", "s3://reports/acme", "s3://reports/acme//"):
        with pytest.raises(
            InvalidParameterError,
            match=r"The place must be another one than .*: delivery \w+ writes files of the same names there",
        ):
            save(application, place)
    save(application, "s3://reports/ACME/")
    save(application, tmp_path / "Out")


def test_single_clicks_and_conversions_have_files_of_their_own(
    open_at: Callable[[datetime], Application], tmp_path: Path
) -> None:
    application = open_at(NOW)
    save(application, tmp_path, query="groupBy=event&metric=clicks")
    save(application, tmp_path, query="groupBy=event&metric=conversions")
    files = {Path(run.file).name for run in deliver(application)}
    assert files == {"acme-event-20260311-20260311.csv", "acme-conversions-20260311-20260311.csv"}


def test_a_filter_that_stands_twice_has_both_values_as_in_the_api(
    open_at: Callable[[datetime], Application], tmp_path: Path
) -> None:
    application = open_at(NOW - timedelta(days=1))
    save(application, tmp_path, query="groupBy=slug&tz=UTC&country=DE&country=AT")
    (run,) = deliver(application)
    assert [row["clicks"] for row in csv.DictReader(io.StringIO(Path(run.file).read_text()))] == ["10"]
    assert saved(application.database)[0].query["country"] == "DE,AT"


def test_a_place_that_cannot_be_written_fails_alone(open_at: Callable[[datetime], Application], tmp_path: Path) -> None:
    application = open_at(NOW)
    (tmp_path / "file").write_text("in the way")
    save(application, tmp_path / "file")
    save(application, tmp_path / "out")

    runs = {Path(run.file).parent.name or run.outcome: run.outcome for run in deliver(application)}

    assert runs == {"failed": "failed", "out": "delivered"}
    assert outcomes(list(deliver(application))) == [("20260311", "failed")]


@pytest.mark.s3
def test_deliveries_go_to_object_storage(
    open_at: Callable[[datetime], Application], s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**s3.KEYS, "AWS_ENDPOINT_URL": s3_endpoint, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    object_storage.forget_session()
    s3.connect(s3_endpoint).create_bucket(Bucket="reports")
    application = open_at(NOW - timedelta(days=1))
    save(application, "s3://reports/acme/", format_name="parquet")

    (run,) = deliver(application)

    assert run.file == "s3://reports/acme/acme-country-20260310-20260310.parquet"
    key = run.file.removeprefix("s3://reports/")
    body = s3.connect(s3_endpoint).get_object(Bucket="reports", Key=key)["Body"].read()
    assert pl.read_parquet(io.BytesIO(body))["clicks"].to_list() == [10]
    object_storage.forget_session()


def test_the_commands_add_list_deliver_and_remove(world: World, tmp_path: Path) -> None:
    source = write(world.folder / "logs" / "a.gz", realtime_text([Request(1)]))
    world.run("sync", "--source", str(source))
    words = ("--handle", "acme", "--query", "groupBy=day", "--to", str(tmp_path / "out"))
    made = world.run_json("deliveries", "add", *words)
    assert world.run_json("deliveries", "list", "--json")[0]["delivery_id"] == made["delivery_id"]

    assert world.run_json("deliver") == {"delivered": 1, "skipped": 0, "failed": 0}
    assert world.run_json("deliver") == {"delivered": 0, "skipped": 0, "failed": 0}
    assert len(list((tmp_path / "out").glob("acme-day-*.csv"))) == 1

    world.run("deliveries", "remove", made["delivery_id"])
    assert world.run_json("deliveries", "list", "--json") == []
    (run,) = world.run_json("deliveries", "runs", "--handle", "acme", "--json")
    assert (run["delivery_id"], run["handle"], run["outcome"]) == (made["delivery_id"], "acme", "delivered")
    assert run["file"].startswith(str(tmp_path / "out"))
    assert world.run_json("deliveries", "runs", "--handle", "zed", "--json") == []
    assert world.run("deliveries", "runs", "--limit", "1").stdout.count("┡") == 1  # a table, for people
    wrong = world.run("deliveries", "add", *words[:3], "groupBy=colour", *words[4:], check=False)
    assert (wrong.returncode, wrong.stderr.split(":")[0]) == (1, "invalid_group_by")
