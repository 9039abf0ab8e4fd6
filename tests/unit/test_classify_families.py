"""Which browser and which operating system a user agent says, as a person would name them."""

from __future__ import annotations

import re
import tomllib

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.world import ROOT

from ingest.classify import classify_user_agents
from ingest.classify.families import UNKNOWN_FAMILY, browser, system
from ingest.classify.verdicts import find

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0.0.0 Safari/537.36"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
ANDROID = f"Mozilla/5.0 (Linux; Android 15; SM-S931B) {WEBKIT}"
WEBVIEW = f"Mozilla/5.0 (Linux; Android 15; SM-S931B; wv) {WEBKIT} Version/4.0 Chrome/140.0.0.0 Mobile Safari/537.36"

TABLE = [
    (WINDOWS, "Chrome", "Windows"),
    (f"{WINDOWS} Edg/140.0.0.0", "Edge", "Windows"),
    (f"{WINDOWS} OPR/120.0.0.0", "Opera", "Windows"),
    (f"{WINDOWS} Vivaldi/7.5", "Vivaldi", "Windows"),
    (f"{WINDOWS} YaBrowser/25.6.0 Yowser/2.5", "Yandex Browser", "Windows"),
    (f"{WINDOWS} Coc_Coc_browser/140.0", "Cốc Cốc", "Windows"),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Gecko/20100101 Firefox/142.0", "Firefox", "Windows"),
    ("Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", "Internet Explorer", "Windows"),
    (f"{MAC} Version/18.5 Safari/605.1.15", "Safari", "macOS"),
    (f"{MAC} Version/18.5 Safari/605.1.15 Ddg/18.5", "DuckDuckGo", "macOS"),
    (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/140.0.0.0 Safari/537.36", "Chrome", "Linux"),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/140.0.0.0 Safari/537.36", "Chrome", "ChromeOS"),
    ("Mozilla/5.0 (X11; FreeBSD amd64; rv:142.0) Gecko/20100101 Firefox/142.0", "Firefox", "BSD"),
    (f"{IPHONE} Version/18.5 Mobile/15E148 Safari/604.1", "Safari", "iOS"),
    (f"{IPHONE} CriOS/140.0.7339.39 Mobile/15E148 Safari/604.1", "Chrome", "iOS"),
    (f"{IPHONE} FxiOS/142.0 Mobile/15E148 Safari/605.1.15", "Firefox", "iOS"),
    (f"{IPHONE} EdgiOS/140.0 Version/18.0 Mobile/15E148 Safari/604.1", "Edge", "iOS"),
    (f"{IPHONE} GSA/380.0 Mobile/15E148 Safari/604.1", "Google app", "iOS"),
    (f"{IPHONE} Mobile/15E148", "iOS WebView", "iOS"),
    (f"{IPHONE} Mobile/15E148 Instagram 390.0.0.1 (iPhone15,2; iOS 18_5; de_DE)", "Instagram", "iOS"),
    (f"{IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/520.0.0.38.101;FBDV/iPhone15,2]", "Facebook", "iOS"),
    (f"{IPHONE} Mobile/15E148 [FBAN/MessengerForiOS;FBAV/520.0]", "Messenger", "iOS"),
    (f"{IPHONE} Mobile/15E148 musical_ly_40.1.0 BytedanceWebview/d8a21c6", "TikTok", "iOS"),
    (f"{IPHONE} Mobile/15E148 Twitter for iPhone/11.2", "X", "iOS"),
    (f"{IPHONE} Mobile/15E148 [LinkedInApp]/9.31", "LinkedIn", "iOS"),
    (f"{IPHONE} Mobile/15E148 [Pinterest/iOS]", "Pinterest", "iOS"),
    (f"{IPHONE} Mobile/15E148 Snapchat/13.50 (like Safari/8621)", "Snapchat", "iOS"),
    (f"{ANDROID} Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome", "Android"),
    (f"{ANDROID} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", "Samsung Internet", "Android"),
    (f"{ANDROID} Chrome/140.0.0.0 Mobile Safari/537.36 EdgA/140.0", "Edge", "Android"),
    (f"{ANDROID} Chrome/130.0.0.0 HuaweiBrowser/16.0 Mobile Safari/537.36", "Huawei Browser", "Android"),
    (f"{ANDROID} Version/4.0 Chrome/123.0 Mobile Safari/537.36 XiaoMi/MiuiBrowser/14.2", "Mi Browser", "Android"),
    ("Mozilla/5.0 (Android 15; Mobile; rv:142.0) Gecko/142.0 Firefox/142.0", "Firefox", "Android"),
    ("Opera/9.80 (Android; Opera Mini/80.0; U; en) Presto/2.12.423 Version/12.16", "Opera Mini", "Android"),
    (WEBVIEW, "Android WebView", "Android"),
    (f"{WEBVIEW} Instagram 390.0.0.1 Android (35/15; 480dpi; samsung; SM-S931B)", "Instagram", "Android"),
    (f"{WEBVIEW} [FB_IAB/FB4A;FBAV/520.0.0.38.101;]", "Facebook", "Android"),
    (f"{WEBVIEW} XWEB/1300 MMWEBSDK/20250201 MicroMessenger/8.0.60", "WeChat", "Android"),
    (f"{WEBVIEW};KAKAOTALK 2610110", "KakaoTalk", "Android"),
    (
        f"Mozilla/5.0 (Linux; U; Android 4.1; en) {WEBKIT} Version/4.0 Mobile Safari/534.30",
        "Android Browser",
        "Android",
    ),
    (f"Mozilla/5.0 (Phone; OpenHarmony 5.0) {WEBKIT} Chrome/132.0.0.0 Safari/537.36 ArkWeb/4.1", "Chrome", "HarmonyOS"),
    ("Mozilla/5.0 (Mobile; Nokia_2780_Flip; rv:84.0) Gecko/84.0 Firefox/84.0 KAIOS/3.1", "Firefox", "KaiOS"),
    (f"Mozilla/5.0 (Windows Phone 10.0; Android 6.0) {WEBKIT} Chrome/52 Mobile Edge/15", "Edge", "Windows Phone"),
    (
        f"Mozilla/5.0 (X11; Linux x86_64; Quest 3) {WEBKIT} OculusBrowser/35 Chrome/130 VR Safari/537.36",
        "Quest Browser",
        "Linux",
    ),
    ("Something that nobody knows", UNKNOWN_FAMILY, UNKNOWN_FAMILY),
]


@pytest.mark.parametrize(
    ("agent", "of_browser", "of_system"), TABLE, ids=[f"{one[1]}-{one[2]}-{number}" for number, one in enumerate(TABLE)]
)
def test_an_agent_has_the_family_that_a_person_would_name(agent: str, of_browser: str, of_system: str) -> None:
    found = find(agent)

    assert (browser(found), system(found)) == (of_browser, of_system)


def test_what_a_bot_claims_to_be_is_nobody_s_browser() -> None:
    bot = (
        f"{ANDROID} Chrome/140.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    )

    judged = classify_user_agents(pl.Series([bot, WINDOWS]))

    assert judged["browser"].to_list() == ["(bot)", "Chrome"]
    assert judged["os"].to_list() == ["(bot)", "Windows"]


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_has_a_family_of_the_list(agent: str) -> None:
    for classify, name in ((browser, "browsers.toml"), (system, "systems.toml")):
        text = (ROOT / "ingest" / "classify" / "lists" / name).read_text(encoding="utf-8")
        families = {rule["family"] for rule in tomllib.loads(text)["rule"]} | {UNKNOWN_FAMILY}

        assert classify(find(agent)) in families
        assert not re.search(r"[(),]", "".join(families)), "a value of a filter has no comma, and no mark of ours"
