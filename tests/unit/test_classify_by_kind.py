"""What agents of every kind tell of device, browser and system; a phone named by a word of English stays a phone."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.classify.decoding import decode_until_stable
from ingest.classify.devices import device
from ingest.classify.families import browser, system
from ingest.classify.list_files import read_toml
from ingest.classify.pattern_set import PatternSet, patterns_of
from ingest.classify.verdicts import find

AGENTS = pl.DataFrame(
    [
        line.split("\t")
        for line in (Path(__file__).parent / "agents_by_kind.tsv").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ],
    schema=["kind", "device", "browser", "os", "agent"],
    orient="row",
)
DEVICES = {"MOBILE", "TABLET", "DESKTOP", "UNKNOWN"}
ENGLISH = re.findall(
    r"\w+",
    """
    able accept after album amber anchor apple arrow autumn basket beacon berry blade bloom bonus breeze bridge bubble
    cable camera candle canvas car carbon castle chrome circle cloud coast comet compass copper cosmos crown crystal
    dance dawn delta desert diamond discovery dolphin dream eagle earth echo edge ember energy escape explorer fable
    falcon feather fire flame flash focus forest fox fusion galaxy garden gem ghost glass globe gold grand gravity guard
    harbour harmony hero hill honey horizon ice idea impact infinity island ivory jade jazz jewel joy jungle keypad
    kingdom lake launchpad leaf legend light linux lion lotus lunar magic maple marble master meadow melody meteor
    mirror moon motion mountain mystery nebula network night noble north notable notepad note nova ocean olympic opera
    optimal orbit orchid palm paper pearl phoenix photo pioneer pixel planet play portal power prime pulse pure radar
    rain rapid raven record river robot rocket rose royal safari sail scout search shadow silk silver sky smart snow
    solar sonic space spark spider spirit spring stable star steel stone storm stream style summer sun surf swift
    table tango tiger titan touch tower trail treasure tree turbo union valley vector velvet victory vision volcano
    voyage walker watcher wave whale wind window winter wolf wonder yellow zebra zenith zero
    """,
)


def told(agent: str) -> tuple[str, str, str]:
    found = find(agent)
    return device(found), browser(found), system(found)


def test_there_are_agents_of_every_device_and_many_kinds() -> None:
    assert set(AGENTS["device"]) == DEVICES
    assert AGENTS["kind"].n_unique() >= 15
    assert AGENTS["agent"].is_unique().all()


def test_every_agent_tells_what_is_written_beside_it() -> None:
    wrong = [(row, told(row[-1])) for row in AGENTS.rows() if told(row[-1]) != row[1:-1]]
    assert wrong == []


@pytest.mark.parametrize("rounds", [1, 2])
def test_an_agent_that_is_encoded_tells_the_same(rounds: int) -> None:
    logged = AGENTS["agent"].to_list()
    for _ in range(rounds):
        logged = [quote(agent, safe="/:;(),=+*!$&@?") for agent in logged]
    assert list(map(told, decode_until_stable(pl.Series(logged)))) == list(map(told, AGENTS["agent"]))


@settings(deadline=None, max_examples=40)
@given(
    words=st.lists(st.sampled_from(ENGLISH), min_size=1, max_size=3),
    number=st.sampled_from(["", " 5", " 20", " SE", " Pro", " X2"]),
    case=st.sampled_from([str.lower, str.title]),
)
def test_a_phone_named_by_words_of_English_is_a_phone(words: list[str], number: str, case: type[str]) -> None:
    """Nor is its browser, or its system, what the model happens to be called."""
    model = case(" ".join(words)) + number
    agent = (
        f"Mozilla/5.0 (Linux; Android 13; {model}) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/140.0.0.0 Mobile Safari/537.36"
    )
    assert told(agent) == ("MOBILE", "Chrome", "Android"), model


@settings(deadline=None, max_examples=40)
@given(
    model=st.sampled_from(["{}Tab", "{} Tab", "{}_tab_10", "{} Pad 5", "Tab {}", "Pad {}"]),
    word=st.sampled_from(["Q", "My", "Smart", "Life", "View"]),
)
def test_a_model_that_calls_itself_tab_or_pad_is_a_tablet(model: str, word: str) -> None:
    name = model.format(word)
    agent = (
        f"Mozilla/5.0 (Linux; Android 13; {name}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140 Mobile Safari/537"
    )
    assert told(agent)[0] == "TABLET", name


@settings(deadline=None, max_examples=25)
@given(
    agent=st.text(max_size=200)
    | st.lists(
        st.sampled_from(["Mozilla/5.0 (", "Linux; ", "Android 13; ", "U; ", "en-us; ", "SM-T5", " Build/", ")", "(",
                         ";", " Mobile", "İ", "ſ", "K", "\x00", "instagram", "é", "Windows NT 10", "/", "_"]),
        max_size=12,
    ).map("".join)
)  # fmt: skip
def test_any_text_tells_something(agent: str) -> None:
    assert told(agent)[0] in DEVICES


@pytest.mark.parametrize("agent", ["Mozilla/5.0 (Linux; Android 13; {}) Mobile", "App/1 ({}; Android 13)"])
def test_of_a_long_model_the_first_200_letters_are_asked(agent: str) -> None:
    """Python's regex, which may go back over what it has read, reads no more."""
    names = [f"{'x' * (200 - len(' SM-T500') + more)} SM-T500" for more in (0, 1, 65_536)]
    assert [told(agent.format(name))[0] for name in names] == ["TABLET", "MOBILE", "MOBILE"]


def test_no_rule_of_models_repeats_a_group_or_has_two_open_ends() -> None:
    """`(a+)+` takes time that doubles with each letter, `.*a.*b` time by the square, however short a name is."""
    patterns = [pattern for rule in read_toml("devices.toml")["model"] for pattern in rule["patterns"]]
    assert [pattern for pattern in patterns if re.search(r"\)(?:[*+]|\{)", pattern)] == []
    open_ends = {pattern: re.findall(r"(?<!\\)(?:\*|\+|\{[0-9]+,\})", pattern) for pattern in patterns}
    assert [pattern for pattern, ends in open_ends.items() if len(ends) > 1] == []


def test_a_word_counts_where_a_word_begins_and_the_first_rule_wins() -> None:
    rows = [{"words": ["line/"]}, {"words": ["[app"]}, {"words": ["chrome/"]}, {"patterns": [r"\bold\b"]}]
    patterns = PatternSet({"others": patterns_of([{"words": ["chrome"]}]), "families": patterns_of(rows)})
    texts = ["Chrome/1 LINE/2", "online/2 chrome/1", "online/2", "é line/1", "x[app", "éline/1", "OLD", "older", ""]

    assert [patterns.find(text).first("families") for text in texts] == [0, 2, None, 0, 1, 0, 3, None, None]
    assert patterns.find("Chrome/1 LINE/2 old").every("families") == [0, 2, 3]
    assert patterns.find("line/").every("others") == []


def test_lists_are_written_in_small_letters_and_each_word_once() -> None:
    for name in ("browsers.toml", "systems.toml"):
        words = [word for rule in read_toml(name)["rule"] for word in rule.get("words", [])]
        assert [word for word in words if word != word.lower()] == []
        assert sorted(set(words)) == sorted(words)


def test_every_rule_of_models_decides_an_agent_of_the_table() -> None:
    rules = [
        re.compile("|".join(rule["patterns"]), re.IGNORECASE | re.ASCII) for rule in read_toml("devices.toml")["model"]
    ]
    models = [
        agent.split("; ")[2].split(")")[0].replace("_", " ") for agent in AGENTS["agent"] if "; Android " in agent
    ]
    first = [next((place for place, rule in enumerate(rules) if rule.search(model)), None) for model in models]
    assert set(range(len(rules))) <= set(first)
