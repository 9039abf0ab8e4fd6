"""Percent-decoding as CloudFront's logs need it."""

from __future__ import annotations

from urllib.parse import quote, unquote

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.classify import decode_once, decode_until_stable

ESCAPES = st.lists(st.sampled_from(["%", "%2", "%25", "%20", "%C3", "%a9", "%FF", "%f0%9f%98%80", "+", "é", "x", "4f"]))


@pytest.mark.parametrize(
    ("logged", "once", "stable"),
    [
        ("Mozilla/5.0%20(X11)", "Mozilla/5.0 (X11)", "Mozilla/5.0 (X11)"),
        ("Mozilla/5.0%2520(X11)", "Mozilla/5.0%20(X11)", "Mozilla/5.0 (X11)"),
        ("a+b", "a+b", "a+b"),
        ("a%2Bb", "a+b", "a+b"),
        ("100%", "100%", "100%"),
        ("%zz%2", "%zz%2", "%zz%2"),
        ("m%C3%BCnchen", "münchen", "münchen"),
        ("m%c3%bcnchen", "münchen", "münchen"),
        ("%FFx", "�x", "�x"),
        ("%C3%28", "�(", "�("),
        ("", "", ""),
    ],
)
def test_escapes_are_decoded(logged: str, once: str, stable: str) -> None:
    values = pl.Series("logged", [logged])
    assert decode_once(values).to_list() == [once]
    assert decode_until_stable(values).to_list() == [stable]
    assert decode_once(values).name == "logged"


def test_decoding_ends_after_a_few_rounds() -> None:
    value = "x y"
    for _ in range(20):
        value = quote(value)
    assert decode_until_stable(pl.Series([value]))[0] != "x y"


@settings(deadline=None)  # the first example loads the lists
@given(st.lists(ESCAPES.map("".join), unique=True))
def test_one_round_is_what_urllib_does(logged: list[str]) -> None:
    assert decode_once(pl.Series(logged, dtype=pl.String)).to_list() == [unquote(value) for value in logged]
