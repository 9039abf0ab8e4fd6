"""Bulk logs: whole standard files with a header, the same for the same seed, with accounts that fit."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.accounts.accounts_file import read_accounts
from ingest.demo.bulk import FIELDS, write_standard_logs

END = datetime(2026, 3, 12, 12, tzinfo=UTC)
LINES = 5_000


def write(folder: Path, seed: int = 7) -> Path:
    write_standard_logs(folder, lines=LINES, files=4, handles=50, days=7, seed=seed, end=END)
    return folder


def logs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "logs").iterdir())}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bulk"))


def rows(folder: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for content in logs(folder).values():
        version, fields, *lines = gzip.decompress(content).decode().splitlines()
        assert (version, fields) == ("#Version: 1.0", f"#Fields: {FIELDS}")
        found += [dict(zip(FIELDS.split(" "), line.split("\t"), strict=True)) for line in lines]
    return found


def test_every_line_has_33_fields_and_its_own_id(folder: Path) -> None:
    lines = rows(folder)
    assert len(lines) == LINES
    assert {len(line) for line in lines} == {33}
    assert len({line["x-edge-request-id"] for line in lines}) == LINES


def test_the_truth_is_what_the_lines_say(folder: Path) -> None:
    truth = json.loads((folder / "truth.json").read_text())
    clicks = sum(line["sc-status"] in ("302", "307") for line in rows(folder))
    assert truth == {"lines": LINES, "clicks": clicks, "notRedirects": LINES - clicks}
    assert 0.8 < clicks / LINES < 0.9


def test_hosts_and_slugs_are_those_of_the_accounts(folder: Path) -> None:
    accounts = read_accounts(folder / "accounts.json")
    known = {(f"{one.handle}.clickledger.localhost", f"/{link.slug}") for one in accounts.handles for link in one.links}
    assert {(line["x-host-header"], line["cs-uri-stem"]) for line in rows(folder)} <= known


def test_lines_run_through_the_days_up_to_the_end(folder: Path) -> None:
    moments = [f"{line['date']} {line['time']}" for line in rows(folder)]
    assert min(moments) >= "2026-03-05 12:00:00"
    assert max(moments) <= "2026-03-12 12:00:00"
    assert len({moment[:10] for moment in moments}) == 8


def test_the_same_seed_makes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    assert logs(write(tmp_path)) == logs(folder)


def test_another_seed_replaces_what_was_there(folder: Path, tmp_path: Path) -> None:
    write(tmp_path)
    assert not set(logs(write(tmp_path, seed=8))) & set(logs(folder))
