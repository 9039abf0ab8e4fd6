"""The list of autonomous systems: every row says what it must, and what it cannot say is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.classify.asns import KINDS, asns, compile_asns
from ingest.classify.list_files import read_toml

LIST: dict[str, Any] = read_toml("asns.toml")


def test_every_row_has_an_owner_of_one_kind_and_the_name_of_the_registry() -> None:
    assert LIST["source"].startswith("https://")
    assert all(row["registered"] and row["owner"] == row["owner"].lower() for row in LIST["asns"])
    told = asns()
    assert told["asn"].to_list() == [row["number"] for row in LIST["asns"]]
    kinds = dict(told.select("asn_owner", "asn_kind").unique().rows())
    assert len(kinds) == told.select("asn_owner", "asn_kind").unique().height
    assert set(kinds.values()) == set(KINDS)


def test_every_network_that_is_left_out_has_a_reason() -> None:
    assert all(row["name"] and row["reason"] for row in LIST["left_out"])


def test_a_number_that_is_there_twice_is_refused() -> None:
    row = {"number": 64496, "owner": "a", "kind": "scanner"}
    with pytest.raises(ValueError, match="Every number must be there once; got more than one row of 64496"):
        compile_asns([row, row | {"kind": "data-centre"}])


def test_a_kind_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="64496: the kind must be scanner or data-centre; got proxy"):
        compile_asns([{"number": 64496, "owner": "a", "kind": "proxy"}])
