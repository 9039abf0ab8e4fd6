"""The lines of the demo world are CloudFront's, and the product takes its agents and referrers for what they are."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ingest.classify import classify_referrers, classify_user_agents
from ingest.demo import World, make_world
from ingest.demo.agent_templates import BOT, load_agents
from ingest.demo.chances import allot, noise
from ingest.demo.creators import load_creators, load_strays
from ingest.demo.encoding import encode
from ingest.demo.realtime import FIELDS
from ingest.demo.vocabulary import build_vocabulary

END = datetime(2026, 3, 12, 12, tzinfo=UTC)
DOMAIN = "clickledger.localhost"
NEVER_PLAIN = re.compile(r"[\x00-\x08\x0a-\x20\x7f-\U0010ffff<>\"#{}|\\^~\[\]`']")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("demo"), end=END, days=10, lines=8_000, public_domain=DOMAIN)


def raw_lines(world: World) -> list[tuple[Path, str]]:
    return [
        (path, line) for path in world.logs for line in gzip.decompress(path.read_bytes()).decode().split("\n") if line
    ]


def test_lines_have_the_columns_of_their_source_or_are_broken_on_purpose(world: World) -> None:
    columns = {"before-country": 45, "with-country": 46}
    odd = sum(line.count("\t") + 1 != columns[path.parent.name] for path, line in raw_lines(world))
    assert 0 < odd <= world.truth["lines"]["rejected"]


def test_what_cloudfront_encodes_is_encoded(world: World) -> None:
    for _, line in raw_lines(world):
        timestamp, rest = line.split("\t", 1)
        assert re.fullmatch(r"-|~?\d{10}\.\d{3}", timestamp)
        assert NEVER_PLAIN.search(rest) is None


def test_the_path_carries_the_query_and_the_host_is_the_viewers(world: World) -> None:
    with_query = 0
    for path, line in raw_lines(world):
        values = line.split("\t")
        if path.parent.name != "with-country" or len(values) != len(FIELDS):
            continue
        fields = dict(zip(FIELDS, values, strict=True))
        _, _, query = fields["cs-uri-stem"].partition("?")
        assert fields["cs-uri-query"] == (query or "-")
        assert fields["x-host-header"].endswith(".cloudfront.net")
        assert len(fields["x-edge-request-id"]) == 56
        assert (":" in fields["c-ip"]) == (fields["c-ip-version"] == "IPv6")
        with_query += bool(query)
    assert with_query > 100


def test_encoding_is_cloudfronts() -> None:
    assert encode("a b+c[1];'é%") == "a%20b+c%5B1%5D;%27%C3%A9%25"


def test_the_product_takes_every_agent_for_what_it_is() -> None:
    agents = load_agents()
    assert 500 <= len(set(agents.texts)) == len(agents.texts) <= 2_000
    known = pl.DataFrame(
        {"text": agents.texts, "known": agents.devices, "logged": [encode(one) for one in agents.texts]}
    )
    verdicts = known.with_columns(device=classify_user_agents(known["logged"])["device"])
    dressed = agents.groups["head-checker"].rows.tolist()  # a bot by its HEAD alone
    wrong = verdicts.with_row_index().filter((pl.col("device") != pl.col("known")) & ~pl.col("index").is_in(dressed))
    assert wrong.is_empty(), wrong.select("text", "known", "device").rows()
    assert verdicts.filter(pl.col("known") == BOT).height > 30


def test_the_product_names_every_referrer_as_a_person_would() -> None:
    words = build_vocabulary(load_creators(), load_strays(), DOMAIN, seed=7)
    domains = classify_referrers(pl.Series([encode(text) for text in words.referrers.texts]))["referrer"].to_list()
    named = dict(zip(words.referrers.texts, domains, strict=True))
    differing = {
        text: (named[text], words.domains[row])
        for row, text in enumerate(words.referrers.texts)
        if named[text] != words.domains[row] and DOMAIN not in text  # a handle's own pages: direct
    }
    assert not differing


def test_shares_are_whole_and_add_up() -> None:
    assert allot(10, {"a": 1, "b": 1, "c": 1}) == {"a": 4, "b": 3, "c": 3}
    assert sum(allot(12_345, {"a": 0.3, "b": 0.01, "c": 7.1}).values()) == 12_345


def test_noise_belongs_to_its_serial() -> None:
    serials = np.arange(1_000, dtype=np.uint64)
    drawn = noise(serials, 7, 3)
    assert (noise(serials[::-1].copy(), 7, 3)[::-1] == drawn).all()
    assert len(np.unique(drawn)) == 3_000
    assert not (noise(serials, 8, 3) == drawn).any()
