"""The ctx token: what one of our secrets signed for this purpose, in time, is believed; nothing else is."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_core.access import user_tokens
from analytics_core.errors import InvalidCtxError, InvalidTokenError
from analytics_core.settings import Settings
from analytics_core.tracking.ctx import Context, claimed_handle, mint, verify

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
SECRET, OLD, FOREIGN = "s" * 40, "o" * 40, "f" * 40
TTL = timedelta(minutes=15)
CLICK = Context("acme", "launch", "kBkpTiZyXLWcSNXFYPy5oh5lx4FYAjNP0MtPu8EQb2RkNOMzcnRa9g==", NOW)
CLAIMS = {"h": "acme", "s": "launch", "jti": "abc==", "iat": 1_773_316_800, "exp": 1_773_317_700, "consent": "full"}


def signed(claims: dict[str, Any], secret: str = SECRET, **header: Any) -> str:
    return jwt.encode(claims, secret, algorithm="HS256", headers={"typ": "ctx+jwt"} | header)


def reason(token: str, now: datetime = NOW, **options: bool) -> str:
    with pytest.raises(InvalidCtxError) as refused:
        verify(token, [SECRET, OLD], now, **options)
    assert (refused.value.code, refused.value.status) == ("invalid_ctx", 400)
    return refused.value.reason


clicks = st.builds(
    Context,
    handle=st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True),
    slug=st.from_regex(r"[A-Za-z0-9_-]{4,24}", fullmatch=True),
    click_id=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=256),
    clicked_at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
        lambda at: at.replace(microsecond=0)
    ),
    session_id=st.none() | st.from_regex(r"sig_[a-z0-9]{1,20}_[0-9]{13}_[a-z0-9]{8}", fullmatch=True),
    position=st.none() | st.integers(1, 1_000_000),
    consent=st.sampled_from(["full", "basic", "denied"]),
)


@given(clicks, st.sampled_from([[SECRET], [SECRET, OLD], [FOREIGN, OLD, SECRET]]))
def test_what_was_minted_is_what_is_read(click: Context, secrets: list[str]) -> None:
    token = mint(click, [SECRET], TTL)

    assert verify(token, secrets, click.clicked_at) == click
    assert claimed_handle(token) == click.handle


@given(st.text() | st.binary().map(lambda raw: ".".join([base64.urlsafe_b64encode(raw).decode()] * 3)))
def test_any_other_text_is_malformed(text: str) -> None:
    assert reason(text) == "malformed"
    assert claimed_handle(text) is None


def test_a_token_has_the_claims_and_the_header_of_the_contract() -> None:
    token = mint(Context("acme", "launch", "abc==", NOW + timedelta(microseconds=999_999)), [SECRET], TTL)

    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "ctx+jwt"}
    assert jwt.decode(token, options={"verify_signature": False}) == CLAIMS


def test_a_rotated_secret_verifies_and_no_longer_signs() -> None:
    before = mint(CLICK, [OLD], TTL)

    assert verify(before, [SECRET, OLD], NOW) == CLICK
    assert verify(mint(CLICK, [SECRET, OLD], TTL), [SECRET], NOW) == CLICK
    with pytest.raises(InvalidCtxError):
        verify(before, [SECRET], NOW)


def test_a_foreign_secret_is_a_bad_signature_whatever_the_token_says() -> None:
    assert reason(mint(CLICK, [FOREIGN], TTL)) == "bad_signature"
    assert reason(mint(CLICK, [FOREIGN], TTL), now=NOW + timedelta(days=1)) == "bad_signature"
    with pytest.raises(InvalidCtxError):
        verify(mint(CLICK, [SECRET], TTL), [], NOW)


def test_a_changed_claim_is_a_bad_signature() -> None:
    header, _, signature = mint(CLICK, [SECRET], TTL).split(".")
    claims = base64.urlsafe_b64encode(json.dumps(CLAIMS | {"h": "zed"}).encode()).decode().rstrip("=")

    assert reason(f"{header}.{claims}.{signature}") == "bad_signature"
    assert claimed_handle(f"{header}.{claims}.{signature}") == "zed"


@given(st.data())
def test_no_character_of_a_token_can_be_changed(data: st.DataObject) -> None:
    token = mint(CLICK, [SECRET], TTL)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_.=!").filter(lambda one: one != token[place]))

    assert reason(token[:place] + other + token[place + 1 :]) in {"bad_signature", "malformed"}


@pytest.mark.parametrize(
    ("since_click", "expected"),
    [(-61, "not_yet"), (-60, None), (0, None), (900, None), (959, None), (960, "expired"), (86_400, "expired")],
)
def test_a_minute_of_clock_skew_is_allowed_at_both_ends(since_click: int, expected: str | None) -> None:
    token, now = mint(CLICK, [SECRET], TTL), NOW + timedelta(seconds=since_click)

    if expected is None:
        assert verify(token, [SECRET], now) == CLICK
    else:
        assert reason(token, now) == expected


def test_a_replay_may_be_late_but_must_be_signed_and_past() -> None:
    later = NOW + timedelta(days=400)

    assert verify(mint(CLICK, [SECRET], TTL), [SECRET], later, accept_expired=True) == CLICK
    assert reason(mint(CLICK, [FOREIGN], TTL), later, accept_expired=True) == "bad_signature"
    assert reason(mint(CLICK, [SECRET], TTL), NOW - timedelta(hours=1), accept_expired=True) == "not_yet"


def test_the_algorithm_is_not_the_token_s_to_choose() -> None:
    assert reason(jwt.encode(CLAIMS, None, algorithm="none", headers={"typ": "ctx+jwt"})) == "malformed"
    assert reason(jwt.encode(CLAIMS, "s" * 64, algorithm="HS512", headers={"typ": "ctx+jwt"})) == "malformed"
    _, claims, signature = signed(CLAIMS).split(".")
    for lie in ({"alg": "none"}, {"alg": "None"}, {"alg": 1}, {}, {"alg": "HS256", "crit": ["x"]}):
        header = base64.urlsafe_b64encode(json.dumps({"typ": "ctx+jwt"} | lie).encode()).decode().rstrip("=")
        assert reason(f"{header}.{claims}.") == "malformed"
        assert reason(f"{header}.{claims}.{signature}") == "malformed"


@pytest.mark.parametrize("typ", [None, "JWT", "at+jwt", "CTX+JWT", "ctx+jwt ", ["ctx+jwt"]])
def test_a_token_of_another_purpose_is_no_ctx(typ: Any) -> None:
    assert reason(signed(CLAIMS, typ=typ)) == "malformed"


def test_a_user_token_is_no_ctx_and_a_ctx_is_no_user_token_even_with_one_secret() -> None:
    settings = Settings(_env_file=None, jwt_secret=SECRET, ctx_secrets=SECRET)  # type: ignore[arg-type, call-arg]

    assert reason(user_tokens.mint(settings, "user_ann", now=NOW, lifetime=TTL)) == "malformed"
    with pytest.raises(InvalidTokenError, match="another purpose"):
        user_tokens.verify(signed(CLAIMS | {"sub": "user_ann"}), settings, NOW)


@pytest.mark.parametrize("claim", ["h", "s", "jti", "iat", "exp", "consent"])
def test_a_missing_claim_is_malformed(claim: str) -> None:
    assert reason(signed({name: value for name, value in CLAIMS.items() if name != claim})) == "malformed"


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        *(("h", value) for value in (7, None, "", "Acme", "a" * 64, "-acme", "acme\n", "ac me", ["acme"])),
        *(("s", value) for value in (7, None, "abc", "a" * 25, "lau nch", "launch\n", "läunch")),
        *(("jti", value) for value in (7, None, "", "a b", "a\t", "x" * 257)),
        *(("iat", value) for value in ("1773316800", 1773316800.5, True, None, -1, 0, 10**30, [1])),
        *(("exp", value) for value in ("1773317700", 1773317700.5, True, None, -1, 0, 10**30, {})),
        *(("consent", value) for value in ("yes", "", None, True, "FULL", ["full"], {"full": 1})),
        *(("sid", value) for value in (None, 7, "", "a b", "x" * 257)),
        *(("pos", value) for value in (None, 0, -1, "1", 1.5, True, 10**30)),
    ],
)
def test_a_claim_of_the_wrong_kind_is_malformed(claim: str, value: Any) -> None:
    assert reason(signed(CLAIMS | {claim: value})) == "malformed"


@pytest.mark.parametrize("claims", [{"h": 7}, {"h": "A b"}, {"h": None}, {}])
def test_a_claimed_handle_is_a_possible_one(claims: dict[str, Any]) -> None:
    assert claimed_handle(signed(claims)) is None
