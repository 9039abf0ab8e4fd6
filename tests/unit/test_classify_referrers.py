"""Where a visitor came from: hosts and domains of referrers as logs carry them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_core.app_sites import app_sites
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
    found = classify_referrers(referrers).drop("sent_host").row(0)
    assert found == (referrers[0], None if host == "<none>" else host, domain)


@pytest.mark.parametrize(
    ("logged", "sent", "kept"),
    [
        ("https://www.brand.example/a", "www.brand.example", "brand.example"),
        ("https://WWW.Brand.Example.:443/", "www.brand.example", "brand.example"),
        ("https://user:word@brand.example/", "brand.example", "brand.example"),
        ("https://www.www.brand.example/", "www.www.brand.example", "www.brand.example"),
        ("https://www.com/", "www.com", "www.com"),
        ("https://www.straße.example/", "www.xn--strae-oqa.example", "xn--strae-oqa.example"),
        ("https://1.2.3.4:8080/", "1.2.3.4", None),
        ("https://[::1]/", "::1", None),
        ("android-app://com.google.android.gm/", "com.google.android.gm", "com.google.android.gm"),
        ("ftp://brand.example/", None, None),
        (f"https://{'ü' * 4000}.example/", None, None),
    ],
)
def test_the_host_as_it_was_sent_stands_beside_the_host_that_is_kept(
    logged: str, sent: str | None, kept: str | None
) -> None:
    found = classify_referrers(pl.Series([logged])).select("sent_host", "referrer_host").row(0)
    assert found == (sent, kept)


@settings(deadline=None)  # the first example loads the lists
@given(st.lists(st.text() | st.from_regex(r"https?://[^\s]{0,30}", fullmatch=True), unique=True))
def test_any_text_has_a_domain_and_keeps_its_place(logged: list[str]) -> None:
    found = classify_referrers(pl.Series(logged, dtype=pl.String))
    assert found.schema == dict.fromkeys(("referrer_raw", "sent_host", "referrer_host", "referrer"), pl.String)
    assert found["referrer_raw"].to_list() == logged
    assert found["referrer"].null_count() == 0
    assert (found["referrer_host"].is_null() == (found["referrer"] == "direct")).all()
    assert found.filter(pl.col("sent_host").is_null())["referrer_host"].null_count() == found["sent_host"].null_count()


def test_no_name_in_the_lists_leads_to_another_name_in_the_aliases() -> None:
    lists = read_toml("referrers.toml")
    known = {host for group in lists["known_by_host"] for host in group["hosts"]}
    platforms = set(lists["platforms"]["sites"])
    assert not known & set(lists["aliases"])
    assert not platforms & (known | set(lists["aliases"]))
    assert not set(lists["aliases"].values()) & set(lists["aliases"])
    assert not set(app_sites().values()) & (set(lists["aliases"]) | set(app_sites()))


def test_an_app_counts_for_the_site_as_that_site_s_own_host_does() -> None:
    sites = sorted(set(app_sites().values()))
    found = classify_referrers(pl.Series([f"https://{site}/" for site in sites]))
    assert found["referrer"].to_list() == sites
