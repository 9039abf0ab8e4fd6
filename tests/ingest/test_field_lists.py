"""Field lists as people write them, wherever they do: what is unclear is refused before anything is read."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from support.logs import GOOGLEBOT, LEAST, Request, realtime_text, requests, write
from support.world import World

from analytics_core.errors import SourceError
from ingest.sources import open_sources

WRITTEN = ",".join(LEAST)


def test_a_new_list_of_fields_is_a_usage_error_when_it_cannot_show_clicks(world: World, tmp_path: Path) -> None:
    ran = world.run("sync", "--source", str(tmp_path), "--fields", "timestamp,cs-host", check=False)

    assert ran.returncode == 1
    assert "The field list of --fields cannot be used: missing fields: cs-uri-stem, sc-status" in ran.stderr


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (f"{WRITTEN},cs-useragent", "unknown fields: cs-useragent (did you mean cs-user-agent?)."),
        (f"{WRITTEN},host,referrer", "host (did you mean cs-host?), referrer (did you mean cs-referer?)."),
        (f"{WRITTEN},zzz", "unknown fields: zzz."),
        (f"{WRITTEN},CS-Host", "repeated fields: cs-host."),
        (" , ", "it names no field."),
        ("", "it names no field."),
    ],
)
def test_a_field_list_with_a_name_that_nobody_knows_is_refused_wherever_it_stands(
    world: World, tmp_path: Path, written: str, reason: str
) -> None:
    path = write(tmp_path / "a.log", realtime_text(requests(1), LEAST))
    listed = write(tmp_path / "sources.toml", f"[[source]]\nurl = 'a.log'\nfields = '{written}'\n")

    for settings, fields, place in (
        ({}, written, "--fields"),
        ({"realtime_fields": written}, None, "CLICKLEDGER_REALTIME_FIELDS"),
        ({"sources": listed}, None, f"{listed}, source 1,"),
    ):
        with pytest.raises(SourceError) as refused:
            open_sources([str(path)], fields, world.settings.model_copy(update=settings), lambda: world.now)
        assert refused.value.message.startswith(f"The field list of {place} cannot be used: ")
        assert refused.value.message.endswith(reason)


def test_a_misspelt_field_ends_the_command_before_anything_is_read(world: World, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", realtime_text(requests(1), [*LEAST, "cs-user-agent"]))

    ran = world.run("sync", "--source", str(path), "--fields", f"{WRITTEN},cs-useragent", check=False)

    assert ran.returncode == 1
    assert "cs-useragent (did you mean cs-user-agent?)" in ran.stderr
    assert world.sync(path, fields=f"{WRITTEN},cs-user-agent").identity.clicks == 1


@pytest.mark.parametrize(
    "written",
    [
        "'timestamp, SC-Status,cs-host ,\tcs-uri-stem x-edge-request-id,cs-user-agent,'",
        '"""\n  timestamp,\n  sc-status,\n  cs_host\n  cs-uri-stem\n\n  x-edge-request-id,\n  cs_user_agent\n"""',
        "['timestamp', 'sc-status', 'cs-host', 'cs-uri-stem', ' x-edge-request-id', 'cs-user-agent']",
    ],
)
def test_a_field_list_is_read_as_it_is_meant(world: World, tmp_path: Path, written: str) -> None:
    fields = [*LEAST, "cs-user-agent"]
    write(tmp_path / "a.log", realtime_text([Request(1, query="q=1", user_agent=GOOGLEBOT)], fields))
    listed = write(tmp_path / "sources.toml", f"[[source]]\nurl = 'a.log'\nfields = {written}\n")
    world.environment = {"CLICKLEDGER_SOURCES": str(listed)}

    assert world.sync().identity.clicks == 1
    assert world.counts().group_by("grain").agg(pl.col("bot_clicks").sum())["bot_clicks"].to_list() == [1, 1, 1]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("[[sources]]\nurl = 'a'\n", "each source must be a table of its own, headed [[source]]; got sources."),
        (
            "[[source]]\nurl = 'a'\nfield = 'x'\n",
            "a key must be one of url, fields, sampling, lookback_hours, distribution; got field.",
        ),
        ("[[source]]\nurl = 'a'\nfields = [1]\n", "fields must be a text or a list of texts; got [1]."),
        ("[[source]]\nurl = 'a'\nsampling = true\n", "sampling must be a whole number; got True."),
        ("[[source]]\nurl = 'a'\nlookback_hours = 0\n", "lookback_hours must be 1 or more; got 0."),
    ],
)
def test_a_file_of_sources_with_what_nobody_knows_is_refused(
    world: World, tmp_path: Path, written: str, reason: str
) -> None:
    world.environment = {"CLICKLEDGER_SOURCES": str(write(tmp_path / "sources.toml", written))}

    with pytest.raises(SourceError) as refused:
        world.sync()
    assert reason in refused.value.message


def test_the_fields_of_a_call_are_those_of_all_its_sources(world: World, tmp_path: Path) -> None:
    write(tmp_path / "a.log", realtime_text(requests(2), LEAST))
    listed = write(tmp_path / "sources.toml", "[[source]]\nurl = 'a.log'\n")
    world.environment = {"CLICKLEDGER_SOURCES": str(listed)}

    assert world.sync(fields=WRITTEN).identity.clicks == 2


def test_an_object_refused_for_a_wrong_field_list_is_read_once_the_list_is_right(world: World, tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", realtime_text(requests(3), LEAST))

    wrong = world.sync(path)
    again = world.sync(path, fields=WRITTEN)
    right = world.sync(path, fields=WRITTEN, full=True)

    assert [run.identity.clicks for run in (wrong, again, right)] == [0, 0, 3]
    assert world.run_json("rejects", "--json") == []
    assert world.sync(path, fields=WRITTEN, full=True).objects == 0
