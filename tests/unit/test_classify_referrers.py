"""Where a visitor came from: hosts and domains of referrers as logs carry them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.classify import classify_referrers
from ingest.classify.list_files import read_toml

EXAMPLES = [
    line.split("\t")
    for line in (Path(__file__).parent / "referrers.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize(("logged", "host", "domain"), EXAMPLES, ids=[row[0] for row in EXAMPLES])
def test_a_referrer_counts_for_the_site_that_a_person_would_name(logged: str, host: str, domain: str) -> None:
    referrers = pl.Series(["" if logged == "<empty>" else logged])
    found = classify_referrers(referrers).row(0)
    assert found == (referrers[0], None if host == "<none>" else host, domain)


@settings(deadline=None)  # the first example loads the lists
@given(st.lists(st.text() | st.from_regex(r"https?://[^\s]{0,30}", fullmatch=True), unique=True))
def test_any_text_has_a_domain_and_keeps_its_place(logged: list[str]) -> None:
    found = classify_referrers(pl.Series(logged, dtype=pl.String))
    assert found.schema == {"referrer_raw": pl.String, "referrer_host": pl.String, "referrer": pl.String}
    assert found["referrer_raw"].to_list() == logged
    assert found["referrer"].null_count() == 0
    assert (found["referrer_host"].is_null() == (found["referrer"] == "direct")).all()


def test_no_name_in_the_lists_leads_to_another_name_in_the_aliases() -> None:
    lists = read_toml("referrers.toml")
    known = {host for group in lists["known_by_host"] for host in group["hosts"]}
    assert not known & set(lists["aliases"])
    assert not set(lists["aliases"].values()) & set(lists["aliases"])
