"""Names of hosts as clicks keep them, and as screens show them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_core.host_names import ascii_name, referring_name, shown_name, site_name
from analytics_core.ui.wording import key_name

READ_AS_LATIN = ascii_name("сора.example")  # four letters of Cyrillic


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("straße.de", "xn--strae-oqa.de"),
        ("Straße.DE", "xn--strae-oqa.de"),
        ("strasse.de", "strasse.de"),
        ("XN--STRAE-OQA.de", "xn--strae-oqa.de"),
        ("www.straße.de", "www.xn--strae-oqa.de"),
        ("direct", "direct"),
        ("Com.LinkedIn.Android", "com.linkedin.android"),
    ],
)
def test_a_site_has_one_name_however_it_is_typed(typed: str, kept: str) -> None:
    assert site_name(typed) == kept


@pytest.mark.parametrize(
    "name",
    ["straße.de", "münchen.de", "пример.рф", "почта.com", "例え.テスト", "日本のlatin.jp", "한국.kr", "مثال.com",
     "ελλάδα.com", "हिन्दी.com", "shop.smørrebrød.dk", "ישראל.com", "বাংলা.com", "ไทย.com", "தமிழ்.com", "తెలుగు.com",
     "საქართველო.com", "カフェ.com", "コーヒー.jp", "佐々木.jp", "中国.com", "ουρανός.gr"],
)  # fmt: skip
def test_a_name_in_one_script_is_shown_in_it(name: str) -> None:
    assert ascii_name(name).isascii()
    assert shown_name(ascii_name(name)) == name
    assert key_name("referrer", ascii_name(name)) == key_name("referrerHost", ascii_name(name)) == name


@pytest.mark.parametrize(
    "kept",
    [
        READ_AS_LATIN,
        ascii_name("bаnk.example"),  # Cyrillic and Latin
        ascii_name("bɑnk.example"),  # a Latin letter that no alphabet of Europe has
        ascii_name("bankı.example"),
        ascii_name("bοok.example"),  # one letter of Greek
        "xn--9l8aa7aydma.com",  # Lisu, read as GOOGLE
        "xn--f9dbb2sqac.com",  # Cherokee, read as PAYPAL
        ascii_name("ⲟⲟ.com"),  # Coptic
        ascii_name("օօ.com"),  # Armenian
        ascii_name("ⴑⴑ.com"),  # letters of old Georgian
        ascii_name("ᴏᴏ.com"),  # small capitals of Latin, of Greek and of Cyrillic
        ascii_name("ᴨᴨ.com"),
        ascii_name("ᴫᴫ.com"),
        ascii_name("ɩɩ.com"),  # a letter of phonetics
        ascii_name("丨丨.com"),  # single strokes
        ascii_name("ー.com"),
        ascii_name("ai一ai.com"),  # read as a hyphen
        ascii_name("comノshop.com"),  # read as a slash
        ascii_name("b丨ue.com"),
        ascii_name("ססס.com"),
        ascii_name("০০.com"),  # digits of Bengali
        ascii_name("όό.com"),  # letters of Greek, each with its mark
        ascii_name("b̲lue.com"),  # a line below that no letter has
        "xn--bad-",
        "xn--.com",
        "xn--a.com",
        "example.com",
        "com.google.android.gm",
    ],
)
def test_a_name_that_could_be_read_as_another_is_shown_as_it_is_kept(kept: str) -> None:
    assert shown_name(kept) == kept


def test_each_label_is_shown_for_itself() -> None:
    assert shown_name(f"xn--mnchen-3ya.{READ_AS_LATIN}") == f"münchen.{READ_AS_LATIN}"


@given(st.text(max_size=60) | st.from_regex(r"(xn--[a-z0-9-]{0,20}\.){1,2}[a-z]{2,5}", fullmatch=True))
def test_what_is_shown_is_found_under_the_name_that_is_kept(name: str) -> None:
    """Whatever a screen shows can be typed into a filter."""
    kept = referring_name(name)
    if kept.isascii():
        assert site_name(shown_name(kept)) == kept
