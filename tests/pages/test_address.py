"""Filters in the address bar: what is written there is what is read back, by screens and API alike."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from analytics_core.query.parse import parse_filter

PAGE = """
import streamlit as st
from analytics_core.ui import address

for dimension, value, mode in st.session_state["steps"]:
    if mode == "remove":
        text = address.without_filter(dimension, value)
    else:
        text = address.with_filter(dimension, value, exclude=mode == "exclude")
    address.change(**{dimension: text})
"""


@pytest.mark.parametrize(
    ("before", "steps", "after"),
    [
        ("", [("country", "DE", "keep")], "DE"),
        ("DE", [("country", "AT", "keep")], "DE,AT"),
        ("DE", [("country", "DE", "keep")], "DE"),
        ("DE,AT", [("country", "DE", "remove")], "AT"),
        ("DE", [("country", "DE", "remove")], None),
        ("DE", [("country", "AT", "exclude")], "-AT"),
        ("-AT", [("country", "BR", "exclude")], "-AT,BR"),
        ("-AT,BR", [("country", "AT", "remove")], "-BR"),
        ("-AT", [("country", "(not tracked)", "keep")], "(not tracked)"),
    ],
)
def test_filters_add_up_in_the_address(before: str, steps: list[tuple[str, str, str]], after: str | None) -> None:
    screen = AppTest.from_string(PAGE)
    if before:
        screen.query_params["country"] = before
    screen.session_state["steps"] = steps
    screen.run()
    assert not screen.exception
    assert screen.query_params.get("country") == after


@pytest.mark.parametrize(("mode", "exclude"), [("keep", False), ("exclude", True)])
def test_a_slug_that_begins_with_a_minus_survives_the_address(mode: str, exclude: bool) -> None:
    screen = AppTest.from_string(PAGE)
    screen.session_state["steps"] = [("slug", "-abc", mode)]
    screen.run()
    read_back = parse_filter("slug", screen.query_params["slug"])
    assert (read_back.values, read_back.exclude) == (("-abc",), exclude)


@pytest.mark.parametrize("value", ["news, spring", " padded ", "\\", "-minus", "\\,"])
@pytest.mark.parametrize("mode", ["keep", "exclude"])
def test_any_value_can_be_added_to_the_address_and_removed_from_it(value: str, mode: str) -> None:
    screen = AppTest.from_string(PAGE)
    screen.session_state["steps"] = [("utmSource", "mail", mode), ("utmSource", value, mode)]
    screen.run()
    assert parse_filter("utmSource", screen.query_params["utmSource"]).values == ("mail", value)

    screen.session_state["steps"] = [("utmSource", value, "remove")]
    screen.run()
    assert parse_filter("utmSource", screen.query_params["utmSource"]).values == ("mail",)
