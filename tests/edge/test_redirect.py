"""The edge: every status, every destination, and tokens that the API believes; in Node and in njs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from support.edge import Ask, Edge

from analytics_core.errors import InvalidCtxError
from analytics_core.tracking.ctx import Context, mint, verify

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
SECRET, OLD, FOREIGN = "s" * 40, "o" * 40, "f" * 40
TTL = timedelta(minutes=15)
LAUNCH = "https://shop.example/launch"
SETTINGS = json.dumps({"domain": "links.example", "secrets": [SECRET, OLD], "ttl": 900})
STORED = {
    "settings": SETTINGS,
    "go.acme.example": "acme",
    "acme/launch": json.dumps({"to": LAUNCH}),
    "acme/kept307": json.dumps({"to": LAUNCH, "status": 307}),
    "acme/tracked": json.dumps({"to": LAUNCH, "ctx": 1}),
    "acme/tracked307": json.dumps({"to": LAUNCH, "ctx": 1, "status": 307}),
    "acme/ended": json.dumps({"to": LAUNCH, "expires": int(NOW.timestamp())}),
    "acme/ending": json.dumps({"to": LAUNCH, "expires": int(NOW.timestamp()) + 1}),
    "zed/launch": json.dumps({"to": "https://zed.example/"}),
}


def ask(url: str = "acme.links.example/launch", **given: Any) -> Ask:
    return Ask(url, given.pop("stored", STORED), given.pop("now", NOW), **given)


def location(answer: dict[str, Any]) -> str:
    return answer["headers"]["location"]["value"]


def token(answer: dict[str, Any]) -> str:
    return dict(parse_qsl(urlsplit(location(answer)).query))["ctx"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("url", "status", "destination"),
    [
        ("acme.links.example/launch", 302, LAUNCH),
        ("ACME.Links.Example:443/launch", 302, LAUNCH),
        ("acme.links.example./launch", 302, LAUNCH),
        ("acme.links.example/launch?utm_source=mail", 302, LAUNCH),
        ("go.acme.example/launch", 302, LAUNCH),
        ("zed.links.example/launch", 302, "https://zed.example/"),
        ("acme.links.example/kept307", 307, LAUNCH),
        ("acme.links.example/ending", 302, LAUNCH),
        ("acme.links.example/ended", 410, None),
        ("acme.links.example/unknown", 404, None),
        ("acme.links.example/Launch", 404, None),
        ("acme.links.example/launch/", 404, None),
        ("acme.links.example/", 404, None),
        ("acme.links.example/abc", 404, None),
        ("nobody.links.example/launch", 404, None),
        ("a.acme.links.example/launch", 404, None),
        ("links.example/launch", 404, None),
        ("acme.other.example/launch", 404, None),
        ("acme/launch", 404, None),
        ("settings/launch", 404, None),
    ],
)
def test_a_link_leads_where_it_says(edge: Edge, method: str, url: str, status: int, destination: str | None) -> None:
    answer = edge.answer(ask(url, method=method))

    assert answer["statusCode"] == status
    assert answer["headers"]["cache-control"] == {"value": "no-store"}
    if destination is None:
        assert "location" not in answer["headers"]
        assert ("body" in answer) == (method == "GET")
    else:
        assert location(answer) == destination
        assert "body" not in answer


@pytest.mark.parametrize(
    ("path", "status"),
    [("launch/", 302), ("launch", 302), ("launch/?a=b", 302), ("launch//", 404), ("/launch/", 404), ("abc/", 404)],
)
def test_a_slash_after_the_slug_does_not_matter_where_the_store_says_so(edge: Edge, path: str, status: int) -> None:
    stored = STORED | {"settings": json.dumps(json.loads(SETTINGS) | {"slash": 1})}

    assert edge.answer(ask(f"acme.links.example/{path}", stored=stored))["statusCode"] == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(edge: Edge, method: str) -> None:
    answer = edge.answer(ask(method=method))

    assert (answer["statusCode"], answer["headers"]["allow"]["value"]) == (405, "GET, HEAD")
    assert "location" not in answer["headers"]


def test_a_store_that_fails_is_an_error_and_no_missing_link(edge: Edge) -> None:
    assert edge.answer(ask(is_broken=True)) == {"thrown": "the store does not answer"}
    assert edge.answer(ask(stored={})) == {"thrown": "KeyNotFound"}


def test_a_request_without_a_host_is_unknown(edge: Edge) -> None:
    assert edge.answer(ask("/launch", headers={"host": ""}))["statusCode"] == 404


@pytest.mark.parametrize("slug", ["tracked", "tracked307"])
def test_a_minted_ctx_is_what_the_api_reads(edge: Edge, slug: str) -> None:
    answer = edge.answer(ask(f"acme.links.example/{slug}", now=NOW + timedelta(milliseconds=999), request_id="jti-_=="))

    assert verify(token(answer), [SECRET], NOW) == Context("acme", slug, "jti-_==", NOW)
    assert jwt.get_unverified_header(token(answer)) == {"alg": "HS256", "typ": "ctx+jwt"}
    assert (
        jwt.decode(token(answer), SECRET, algorithms=["HS256"], options={"verify_exp": False})["exp"]
        == (NOW + TTL).timestamp()
    )


@pytest.mark.parametrize(
    ("headers", "consent"),
    [
        ({}, "full"),
        ({"sec-gpc": "1"}, "denied"),
        ({"dnt": "1"}, "denied"),
        ({"sec-gpc": "0", "dnt": "1"}, "denied"),
        ({"sec-gpc": "0", "dnt": "0"}, "full"),
        ({"dnt": "null"}, "full"),
    ],
)
def test_a_browser_s_no_is_a_denied_consent(edge: Edge, headers: dict[str, str], consent: str) -> None:
    answer = edge.answer(ask("acme.links.example/tracked", headers=headers))

    assert verify(token(answer), [SECRET], NOW).consent == consent


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("https://shop.example", "https://shop.example?ctx=T"),
        ("https://shop.example/", "https://shop.example/?ctx=T"),
        ("https://shop.example/?", "https://shop.example/?ctx=T"),
        ("https://shop.example/?a=1", "https://shop.example/?a=1&ctx=T"),
        ("https://shop.example/?a=1&a=2&b", "https://shop.example/?a=1&a=2&b&ctx=T"),
        ("https://shop.example/?a=1#top", "https://shop.example/?a=1&ctx=T#top"),
        ("https://shop.example/#top", "https://shop.example/?ctx=T#top"),
        ("https://shop.example/#/cart?a=1", "https://shop.example/?ctx=T#/cart?a=1"),
        ("https://shop.example/?a=1#/cart?ctx=x", "https://shop.example/?a=1&ctx=T#/cart?ctx=x"),
        ("https://shop.example/?ctx=old", "https://shop.example/?ctx=T"),
        ("https://shop.example/?ctx", "https://shop.example/?ctx=T"),
        ("https://shop.example/?a=1&ctx=old&b=2&ctx=older#x", "https://shop.example/?a=1&b=2&ctx=T#x"),
        ("https://shop.example/?ctxt=1&xctx=2", "https://shop.example/?ctxt=1&xctx=2&ctx=T"),
        ("https://shop.example/?q=a%26ctx%3Db+c", "https://shop.example/?q=a%26ctx%3Db+c&ctx=T"),
        ("https://shop.example/?u=https://x.example/?ctx=1", "https://shop.example/?u=https://x.example/?ctx=1&ctx=T"),
        ("https://shop.example/a;b=1?c;d&&e", "https://shop.example/a;b=1?c;d&&e&ctx=T"),
    ],
)
def test_the_destination_keeps_its_query_and_its_fragment(edge: Edge, destination: str, expected: str) -> None:
    stored = STORED | {"acme/tracked": json.dumps({"to": destination, "ctx": 1})}
    made = location(edge.answer(ask("acme.links.example/tracked", stored=stored)))

    before, _, after = expected.partition("ctx=T")
    assert made.startswith(f"{before}ctx=ey")
    assert made.endswith(after)
    minted = made[len(before) + len("ctx=") : len(made) - len(after)]
    assert verify(minted, [SECRET], NOW).slug == "tracked"


@pytest.mark.parametrize(
    ("session", "position", "next_position"),
    [(None, None, 1), ("sig_acme_1773316800000_a1b2c3d4", None, 1), ("s-1", 1, 2), (None, 41, 42), ("s", 10**6, 10**6)],
)
def test_a_chain_goes_on(edge: Edge, session: str | None, position: int | None, next_position: int) -> None:
    before = Context("zed", "first", "first==", NOW - timedelta(minutes=15), session, position, "basic")
    url = f"acme.links.example/tracked?a=1&ctx={mint(before, [OLD], TTL)}&b=2"

    after = verify(token(edge.answer(ask(url))), [SECRET], NOW)

    assert (after.handle, after.slug, after.session_id, after.position) == ("acme", "tracked", session, next_position)
    assert (after.consent, after.clicked_at) == ("full", NOW)


CLAIMS = {"h": "acme", "s": "first", "jti": "abc==", "iat": 1_773_316_800, "exp": 1_773_317_700, "consent": "full"}
SEEN = CLAIMS | {"sid": "s-1", "pos": 3}


def signed(claims: dict[str, Any], secret: str = SECRET, **header: Any) -> str:
    return jwt.encode(claims, secret, algorithm="HS256", headers={"typ": "ctx+jwt"} | header)


def without(claim: str) -> dict[str, Any]:
    return {name: value for name, value in SEEN.items() if name != claim}


NO_CTX = {
    "empty": "",
    "words": "hello",
    "two parts": "a.b",
    "three empty parts": "..",
    "not JSON": "bm8.bm8.bm8",
    "foreign secret": signed(SEEN, FOREIGN),
    "cut": signed(SEEN)[:-1],
    "longer": signed(SEEN) + "A",
    "changed": signed(SEEN)[:-3] + "AAA",
    "expired": signed(SEEN | {"iat": CLAIMS["iat"] - 1860, "exp": CLAIMS["iat"] - 60}),
    "of tomorrow": signed(SEEN | {"iat": CLAIMS["iat"] + 61}),
    "user token": jwt.encode({"sub": "user_ann", "exp": CLAIMS["exp"]}, SECRET, algorithm="HS256"),
    "user token with the claims": signed(SEEN, typ="JWT"),
    "no type": signed(SEEN, typ=None),
    "no algorithm": jwt.encode(SEEN, None, algorithm="none", headers={"typ": "ctx+jwt"}),
    "HS512": jwt.encode(SEEN, "s" * 40 + "s" * 24, algorithm="HS512", headers={"typ": "ctx+jwt"}),
    **{f"no {claim}": signed(without(claim)) for claim in CLAIMS},
    **{
        f"{claim} {value!r}": signed(SEEN | {claim: value})
        for claim, value in [
            *(("h", value) for value in (7, "", "Acme")),
            *(("s", value) for value in (7, "abc")),
            *(("jti", value) for value in (7, "", "a b")),
            *(("iat", value) for value in ("1773316800", 1773316800.5, True, 0)),
            *(("exp", value) for value in ("1773317700", 1773317700.5, True, None)),
            *(("consent", value) for value in ("yes", None, 1)),
            *(("sid", value) for value in (None, 7, "")),
            *(("pos", value) for value in (None, 0, "1", 1.5, True, 1_000_001)),
        ]
    },
}


def test_what_the_api_would_refuse_begins_no_chain_and_breaks_nothing(edge: Edge) -> None:
    for one in NO_CTX.values():
        with pytest.raises(InvalidCtxError):
            verify(one, [SECRET, OLD], NOW)
    answers = edge.answers(*(ask(f"acme.links.example/tracked?ctx={one}") for one in NO_CTX.values()))

    begun = {name: verify(token(answer), [SECRET], NOW) for name, answer in zip(NO_CTX, answers, strict=True)}
    assert {name: one for name, one in begun.items() if (one.session_id, one.position) != (None, None)} == {}


def test_skew_of_a_minute_is_allowed_as_in_the_api(edge: Edge) -> None:
    late = signed(SEEN | {"iat": CLAIMS["iat"] - 1859, "exp": CLAIMS["iat"] - 59})
    early = signed(SEEN | {"iat": CLAIMS["iat"] + 60})
    for one in (late, early):
        assert verify(one, [SECRET], NOW).position == 3
        answer = edge.answer(ask(f"acme.links.example/tracked?ctx={one}"))
        assert verify(token(answer), [SECRET], NOW).position == 4


def test_without_secrets_links_still_lead_on(edge: Edge) -> None:
    stored = STORED | {"settings": json.dumps({"domain": "links.example", "secrets": [], "ttl": 900})}
    answer = edge.answer(ask("acme.links.example/tracked", stored=stored))

    assert (answer["statusCode"], location(answer)) == (302, LAUNCH)
