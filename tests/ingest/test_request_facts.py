"""What a click keeps of its request beside who, when and where, in every format that carries it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.logs import GOOGLEBOT, LEAST, REALTIME, STANDARD, Request, json_text, write, write_parquet
from support.posts import convert
from support.world import ACCOUNTS, NOW, World

from analytics_core.store.lake_tables import CLICKS, CONVERSIONS

V2 = (*STANDARD, "timestamp(ms)", "asn", "c-country")
HEADERS = ["purpose", "fetch_mode", "fetch_dest"]
OF_ACCOUNTS = ["own_rule", "own_rule_purpose", "counted_purposes"]  # no log says them
KEPT = [name for name in CLICKS.later if name not in (*HEADERS, *OF_ACCOUNTS)]
BROWSER = "Host:acme.example%0Asec-fetch-mode:navigate%0ASec-Fetch-Dest:document%0A"
SENT = Request(
    query="a=1&qr&utm_source=news%2520letter+one&utm_medium=e%2Dmail&utm_source=second",
    referrer="https://www.Shop.example/cart",
    protocol="https",
    result_type="Miss",
)
SAID = {
    "trigger": "qr",
    "utm_source": "news letter one",
    "utm_medium": "e-mail",
    "utm_campaign": "(none)",
    "asn": 13335,
    "protocol": "https",
    "edge_result": "Miss",
    "referrer_sent_host": "www.shop.example",
    "network": "none",
    "network_purpose": "none",
    "claimed": "none",
    "asn_owner": "none",
    "asn_kind": "none",
}


@dataclass(frozen=True)
class Sent(Request):
    headers: str = "-"
    asn: str = "13335"

    def values(self) -> dict[str, str]:
        more = {f"{kind}:{name}": value for kind in ("realtime", "standard") for name, value in self._more()}
        return super().values() | more

    def _more(self) -> list[tuple[str, str]]:
        return [("cs-headers", self.headers), ("asn", self.asn)]


def sent(**changes: Any) -> Sent:
    names = ("query", "referrer", "protocol", "result_type")
    return Sent(**({name: getattr(SENT, name) for name in names} | changes))


def text(item: Request, fields: tuple[str, ...], header: str = "") -> str:
    return header + item.line(fields) + "\n"


def only_click(world: World) -> dict[str, Any]:
    return world.clicks().row(0, named=True)


@pytest.mark.parametrize("form", ["real-time", "w3c", "json", "parquet"])
def test_every_format_that_carries_a_field_keeps_it(world: World, tmp_path: Path, form: str) -> None:
    match form:
        case "real-time":
            file = write(tmp_path / "a.log", text(sent(), REALTIME))
        case "w3c":
            file = write(tmp_path / "a.gz", text(sent(), V2, f"#Fields: {' '.join(V2)}\n"))
        case "json":
            file = write(tmp_path / "a.json", json_text([sent()], V2))
        case _:
            write_parquet(file := tmp_path / "a.parquet", [sent()], V2)

    assert world.sync(file).identity.clicks == 1

    click = only_click(world)
    assert {name: click[name] for name in KEPT} == SAID
    assert [click[name] for name in HEADERS] == [None, None, None]


def test_a_legacy_log_keeps_all_but_the_network_and_the_headers(world: World, tmp_path: Path) -> None:
    world.sync(write(tmp_path / "a.gz", text(sent(), STANDARD, f"#Version: 1.0\n#Fields: {' '.join(STANDARD)}\n")))

    click = only_click(world)
    assert {name: click[name] for name in KEPT} == SAID | dict.fromkeys(("asn", "asn_owner", "asn_kind"))
    assert [click[name] for name in HEADERS] == [None, None, None]


def test_the_path_of_a_real_time_log_says_the_query_where_its_field_was_not_chosen(
    world: World, tmp_path: Path
) -> None:
    fields = tuple(name for name in REALTIME if name != "cs-uri-query")
    lines = [sent(number=1), sent(number=2, query="-")]
    world.sync(write(tmp_path / "a.log", "".join(text(one, fields) for one in lines)), fields=",".join(fields))

    kept = world.clicks().sort("at").select("trigger", "utm_source")
    assert kept.rows() == [("qr", "news letter one"), ("link", "(none)")]


@pytest.mark.parametrize("query", ["to=/a?b=c&qr&utm_source=mail", "?qr&utm_source=mail", "qr=?&utm_source=mail?"])
def test_a_query_with_a_question_mark_says_the_same_in_both_kinds_of_log(
    world: World, tmp_path: Path, query: str
) -> None:
    fields = tuple(name for name in REALTIME if name != "cs-uri-query")
    real_time, standard = Request(1, query=query), Request(2, query=query)
    world.sync(write(tmp_path / "a.log", text(real_time, fields)), fields=",".join(fields))
    world.sync(write(tmp_path / "a.gz", text(standard, V2, f"#Fields: {' '.join(V2)}\n")))

    from_real_time, from_standard = world.clicks().sort("at").select("slug", "trigger", "utm_source").rows()
    assert from_real_time == from_standard
    assert from_standard[2] == ("mail?" if query.endswith("?") else "mail")


def test_what_a_log_does_not_carry_is_null(world: World, tmp_path: Path) -> None:
    fields = tuple(name for name in STANDARD if name not in ("cs-uri-query", "cs(Referer)", "cs-protocol", "c-ip"))
    fields = tuple(name for name in fields if name != "x-edge-result-type")
    world.sync(write(tmp_path / "a.gz", text(sent(), fields, f"#Version: 1.0\n#Fields: {' '.join(fields)}\n")))

    click = only_click(world)
    assert {click[name] for name in CLICKS.later} == {None}


def test_least_fields_of_a_real_time_log_say_the_query_alone(world: World, tmp_path: Path) -> None:
    world.sync(write(tmp_path / "a.log", text(sent(), LEAST)), fields=",".join(LEAST))

    click = only_click(world)
    known = {name: click[name] for name in CLICKS.later if click[name] is not None}
    assert known == {name: SAID[name] for name in ("trigger", "utm_source", "utm_medium", "utm_campaign")}


@pytest.mark.parametrize(
    ("query", "trigger"),
    [
        ("-", "link"),
        ("qr", "qr"),
        ("qr=", "qr"),
        ("a=1&qr=poster", "qr"),
        ("qrcode=1", "link"),
        ("a=qr", "link"),
        ("QR", "link"),
    ],
)
def test_a_parameter_qr_of_any_value_tells_a_qr_code(world: World, tmp_path: Path, query: str, trigger: str) -> None:
    world.sync(write(tmp_path / "a.log", text(sent(query=query), REALTIME)))

    assert only_click(world)["trigger"] == trigger


@pytest.mark.parametrize(
    ("query", "source"),
    [
        ("utm_source=a+b", "a b"),
        ("utm_source=a%252Bb", "a+b"),
        ("utm_source=a%20b", "a b"),
        ("utm_source=%25C3%25BC", "ü"),
        ("utm_source=a%2526b&x=1", "a&b"),
        ("utm_source=" + "x" * 300, "x" * 200),
        ("utm_source=", "(none)"),
        ("xutm_source=a", "(none)"),
        ("utm_source=a=b", "a=b"),
    ],
)
def test_what_a_client_encoded_is_decoded(world: World, tmp_path: Path, query: str, source: str) -> None:
    world.sync(write(tmp_path / "a.log", text(sent(query=query), REALTIME)))

    assert only_click(world)["utm_source"] == source


def test_what_the_short_link_does_not_say_its_destination_in_force_says(world: World, tmp_path: Path) -> None:
    def accounts(url: str) -> dict[str, Any]:
        [acme, zed] = ACCOUNTS["handles"]
        return {"handles": [acme | {"links": [{"slug": "launch", "destinationUrl": url}]}, zed]}

    first, change = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    world.load(accounts("https://shop.example/?utm_source=first%20one&utm_medium=post#utm_campaign=no"), at=first)
    world.load(accounts("https://shop.example/?utm_campaign=spring"), at=change)
    world.now = NOW + timedelta(days=1)
    lines = [
        sent(number=1, query="utm_medium=mail", at=first),
        sent(number=2, query="-", at=change + timedelta(seconds=1)),
        sent(number=3, query="-", path="/unknown", at=change + timedelta(hours=1)),
    ]
    world.sync(write(tmp_path / "a.log", "".join(text(one, REALTIME) for one in lines)))

    kept = world.clicks().sort("at").select("utm_source", "utm_medium", "utm_campaign")
    assert kept.rows() == [
        ("first one", "mail", "(none)"),
        ("(none)", "(none)", "spring"),
        ("(none)", "(none)", "(none)"),
    ]


CUT = "X:" + "y" * 800


@pytest.mark.parametrize(
    ("headers", "classes"),
    [
        (BROWSER, ("none", "navigate", "document")),
        (BROWSER.lower().replace("%0a", "%0A"), ("none", "navigate", "document")),
        ("Sec-Purpose:prefetch%0A", ("prefetch", "none", "none")),
        ("a:b%0ASec-Purpose:prefetch;prerender%0A", ("prerender", "none", "none")),
        ("purpose:prefetch", ("prefetch", "none", "none")),
        ("X-Moz:prefetch%0A", ("prefetch", "none", "none")),
        ("X-Purpose:preview%0A", ("prefetch", "none", "none")),
        ("X-Purpose:other%0Aa:prefetch%0A", ("none", "none", "none")),
        ("My-Sec-Purpose:prefetch%0A", ("none", "none", "none")),
        ("sec-fetch-mode:strange%0Asec-fetch-dest:%0A", ("none", "other", "other")),
        ("sec-fetch-mode:%20cors%20%0A", ("none", "cors", "none")),
        ("-", (None, None, None)),
        (CUT, (None, None, None)),
        (f"Sec-Purpose:prefetch%0Asec-fetch-mode:cors%0A{CUT}", ("prefetch", "cors", None)),
        (f"{CUT}%0ASec-Fetch-Mode:navi", (None, None, None)),
    ],
)
def test_headers_are_kept_as_classes(
    world: World, tmp_path: Path, headers: str, classes: tuple[str | None, ...]
) -> None:
    world.sync(write(tmp_path / "a.log", text(sent(headers=headers), REALTIME)))

    assert tuple(only_click(world)[name] for name in HEADERS) == classes


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"asn": "-"}, {"asn": None}),
        ({"asn": "AS1"}, {"asn": None}),
        ({"protocol": "http"}, {"protocol": "http"}),
        ({"protocol": "WSS"}, {"protocol": "https"}),
        ({"protocol": "-"}, {"protocol": None}),
        ({"result_type": "SomethingNew"}, {"edge_result": "SomethingNew"}),
        ({"referrer": "-"}, {"referrer_sent_host": "", "referrer": "direct"}),
        (
            {"referrer": "https://l.facebook.com/x"},
            {"referrer_sent_host": "l.facebook.com", "referrer": "facebook.com"},
        ),
        ({"referrer": "https://go.acme.example/x"}, {"referrer_sent_host": "go.acme.example", "referrer": "direct"}),
    ],
)
def test_one_field_says(world: World, tmp_path: Path, changes: dict[str, str], kept: dict[str, Any]) -> None:
    world.sync(write(tmp_path / "a.log", text(sent(**changes), REALTIME)))

    assert {name: only_click(world)[name] for name in kept} == kept


def test_nothing_of_the_query_the_headers_or_the_address_itself_is_kept(world: World, tmp_path: Path) -> None:
    secrets = ["token=s3cret", "198.51.100.77", "cookie-value", "/private-path"]
    request = sent(
        query=f"{secrets[0]}&utm_source=mail",
        address=secrets[1],
        headers=f"Cookie:{secrets[2]}%0ASec-Fetch-Mode:{secrets[2]}%0A",
        referrer=f"https://shop.example{secrets[3]}",
    )
    world.sync(write(tmp_path / "a.log", text(request, REALTIME)))

    kept = world.clicks().with_columns(pl.all().cast(pl.String)).row(0)
    assert only_click(world)["fetch_mode"] == "other"
    assert [secret for secret in secrets if any(secret in str(value) for value in kept)] == []


def test_a_last_value_without_its_end_is_not_taken_for_the_whole(world: World, tmp_path: Path) -> None:
    log = tmp_path / "live.log"
    log.write_text((text(sent(number=1), REALTIME) + text(sent(number=2), REALTIME)).rstrip("5\n"))

    assert world.sync(log).identity.clicks == 2
    assert world.clicks().sort("at")["asn"].to_list() == [13335, None]


def test_a_conversion_keeps_its_key_as_a_hash_that_the_secret_alone_can_make(world: World, tmp_path: Path) -> None:
    convert(world, Request(1), key="order-4711")
    convert(world, Request(1), key="order-4712")
    world.sync(write(tmp_path / "a.log", text(sent(), REALTIME)))

    kept = conversions(world)
    secret = world.settings.visitor_secret
    assert secret is not None
    made = hmac.new(secret.get_secret_value().encode(), b"order-4711", hashlib.sha256).hexdigest()
    assert kept["key_hash"].to_list()[0] == int(made[:15], 16)
    assert kept["key_hash"].n_unique() == 2
    assert "order-47" not in str(kept.drop("conversion_id").rows())


def conversions(world: World) -> pl.DataFrame:
    lake = world.lake
    return lake.scan(lake.open(CONVERSIONS), CONVERSIONS).sort("conversion_id").collect()


@pytest.mark.parametrize(
    ("headers", "purpose"),
    [
        ("Sec-Purpose:prefetch;prerender", "prefetch"),
        ("sec-purpose:prefetch", "prefetch"),
        ("Purpose:%20prefetch", "prefetch"),
        ("X-Moz:prefetch", "prefetch"),
        ("X-Purpose:preview", "prefetch"),
        ("Sec-Fetch-Mode:navigate", "(person)"),
        ("X-Note:purpose prefetch", "(person)"),
    ],
)
def test_a_page_that_a_browser_fetched_ahead_is_no_qualified_click(
    world: World, tmp_path: Path, headers: str, purpose: str
) -> None:
    world.sync(write(tmp_path / "a.log", text(sent(headers=f"Host:acme.example%0A{headers}%0A"), REALTIME)))

    counts = world.counts().filter(pl.col("grain") == "detail").select("clicks", "bot_clicks", "bot_purpose", "browser")
    is_ahead = purpose == "prefetch"
    assert counts.rows() == [(1, int(is_ahead), purpose, "(bot)" if is_ahead else "Chrome")]
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_what_a_bot_comes_for_is_that_of_its_agent_before_that_of_its_request(world: World, tmp_path: Path) -> None:
    lines = [
        sent(number=1, user_agent=GOOGLEBOT, headers="Sec-Purpose:prefetch%0A"),
        sent(number=2, method="HEAD"),
        sent(number=3, user_agent="-"),
        sent(number=4),
    ]
    world.sync(write(tmp_path / "a.log", "".join(text(one, REALTIME) for one in lines)))

    counts = world.counts().filter(pl.col("grain") == "detail").sort("bot_purpose")
    found = counts.group_by("bot_purpose", maintain_order=True).agg(pl.col("clicks", "bot_clicks").sum())
    assert found.rows() == [("(person)", 1, 0), ("other", 2, 2), ("search", 1, 1)]
