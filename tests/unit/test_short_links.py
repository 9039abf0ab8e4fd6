"""Where a short link leads, and the log line of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote_to_bytes

import pytest

from analytics_core.errors import LinkExpiredError, NotFoundError
from analytics_core.settings import REALTIME_FIELDS
from analytics_core.store.links import Link
from analytics_core.tracking.ctx import Context, mint, verify
from analytics_core.tracking.realtime_line import ServedRequest, line_of
from analytics_core.tracking.short_links import destination, in_force, new_request_id, with_ctx

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
KEYS = ("k" * 32,)
TTL = timedelta(minutes=15)
LINK = Link("acme", "launch", "https://shop.example/launch", 302, True, True, None)


def lead(link: Link, given: str | None = None) -> str:
    return destination(link, "id==", given=given, consent="full", keys=KEYS, ttl=TTL, now=NOW)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example", "https://shop.example?ctx=T"),
        ("https://shop.example/a?b=1", "https://shop.example/a?b=1&ctx=T"),
        ("https://shop.example/a?b=1#top", "https://shop.example/a?b=1&ctx=T#top"),
        ("https://shop.example/#/app?x=1", "https://shop.example/?ctx=T#/app?x=1"),
        ("https://shop.example/a?", "https://shop.example/a?ctx=T"),
        ("https://shop.example/a?ctx=old&b=%20+&c", "https://shop.example/a?b=%20+&c&ctx=T"),
        ("https://shop.example/a?b&ctx&ctx=2&ctxx=3", "https://shop.example/a?b&ctxx=3&ctx=T"),
        ("https://shop.example/a?u=https://x.example/?y#z?ctx=1", "https://shop.example/a?u=https://x.example/?y&ctx=T#z?ctx=1"),
    ],
)  # fmt: skip
def test_a_ctx_is_appended_and_the_rest_stays_as_it_is(url: str, expected: str) -> None:
    assert with_ctx(url, "T") == expected


def test_a_chain_of_redirects_keeps_its_session_and_counts_its_position() -> None:
    def said(given: str | None) -> Context:
        return verify(lead(LINK, given).partition("ctx=")[2], KEYS, NOW)

    before = mint(Context("zed", "first", "x", NOW, session_id="s1", position=4), KEYS, TTL)
    without_position = mint(Context("zed", "first", "x", NOW, session_id="s1"), KEYS, TTL)
    old = mint(Context("zed", "first", "x", NOW - timedelta(days=1), session_id="s1", position=4), KEYS, TTL)

    assert (said(None).session_id, said(None).position) == (None, None)
    assert (said(before).session_id, said(before).position) == ("s1", 5)
    assert (said(without_position).session_id, said(without_position).position) == ("s1", 1)
    for worthless in (old, "nonsense", ""):
        assert (said(worthless).session_id, said(worthless).position) == (None, None)
    assert (said(before).handle, said(before).slug, said(before).click_id) == ("acme", "launch", "id==")


def test_a_destination_fits_into_a_header() -> None:
    link = replace(LINK, destination_url="https://shop.example/Käse platz\r\nX: 1?a=%20b", append_context_param=False)

    assert lead(link) == "https://shop.example/K%C3%A4se%20platz%0D%0AX:%201?a=%20b"


def test_links_that_do_not_redirect() -> None:
    for missing in (None, replace(LINK, enabled=False), replace(LINK, enabled=False, expires_at=NOW)):
        with pytest.raises(NotFoundError):
            in_force(missing, NOW)
    with pytest.raises(LinkExpiredError):
        in_force(replace(LINK, expires_at=NOW), NOW)
    assert in_force(replace(LINK, expires_at=NOW + timedelta(seconds=1)), NOW).slug == "launch"


def test_request_ids_look_like_cloudfronts() -> None:
    ids = {new_request_id() for _ in range(1_000)}

    assert len(ids) == 1_000
    assert all(len(one) == 56 and one.endswith("==") for one in ids)


def test_a_line_has_every_canonical_field_encoded_as_cloudfront_does() -> None:
    headers = [
        (b"host", b"acme.example"),
        (b"user-agent", b'Odd "agent"\t50% \xc3\xa9'),
        (b"cookie", b"secret=1"),
        (b"authorization", b"Bearer secret"),
        (b"cloudfront-viewer-country", b"DE"),
        (b"accept", b"*/*"),
    ]
    served = ServedRequest(
        at=NOW,
        request_id="id==",
        address="2001:db8::1",
        port=4711,
        method="HEAD",
        scheme="https",
        host=b"acme.example",
        uri=b"/launch?a=1&b=%20",
        http_version="1.1",
        headers=headers,
        status=307,
        answer_bytes=300,
        content_type="",
        content_length=0,
        seconds=0.0004,
    )

    line = line_of(served)
    values = dict(zip(REALTIME_FIELDS.split(","), line.decode().rstrip("\n").split("\t"), strict=True))

    assert line.endswith(b"\n")
    assert (values["timestamp"], values["time-taken"]) == ("1773316800.000", "0.000")
    assert (values["c-ip"], values["c-ip-version"], values["c-port"]) == ("2001:db8::1", "IPv6", "4711")
    assert (values["cs-method"], values["cs-protocol"], values["cs-host"]) == ("HEAD", "https", "acme.example")
    assert (values["cs-uri-stem"], values["cs-uri-query"]) == ("/launch?a=1&b=%2520", "a=1&b=%2520")
    assert values["cs-user-agent"] == "Odd%20%22agent%22%0950%25%20%C3%A9"
    assert (values["sc-status"], values["c-country"], values["cs-referer"], values["cs-cookie"]) == (
        *("307", "DE"),
        *("-", "-"),
    )
    assert b"secret" not in line
    assert unquote_to_bytes(values["cs-headers"]).splitlines()[-1] == b"accept:*/*"
    long = line_of(replace(served, headers=[*headers, (b"x-long", b"x" * 5_000)]))
    assert len(long) < 2_000
