"""Filters: chips that remove them, a drawer that adds them, and narrowing to what was clicked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from analytics_core.model import OTHER, Filter, Period, Query
from analytics_core.query.catalog import FILTERS, GROUPINGS
from analytics_core.ui import address, periods, session, wording

if TYPE_CHECKING:
    from streamlit.elements.lib.mutable_popover_container import PopoverContainer

_BY_DEFAULT = "slug"


def plural(dimension: str) -> str:
    """The rows of a breakdown: `Countries`."""
    return GROUPINGS[dimension].plural


def dimension_chooser() -> str:
    """The dimension of a breakdown."""
    chosen = address.read("by", _BY_DEFAULT)
    st.session_state["by"] = chosen if chosen in GROUPINGS else _BY_DEFAULT
    st.selectbox(
        "Break down by",
        sorted(GROUPINGS, key=lambda name: GROUPINGS[name].origin == "time"),
        format_func=lambda name: f"Break down by: {plural(name)}",
        key="by",
        label_visibility="collapsed",
        width=300,
        on_change=_write_dimension,
    )
    return st.session_state["by"]


def narrow(dimension: str, key: str, period: Period) -> None:
    """Narrows the page to one key of a dimension: a filter, or for times those of its days that `period` holds."""
    if key == OTHER:
        return
    if dimension == "day":
        first, last = wording.days_of_key(key)
        periods.only(max(first, period.from_day), min(last, period.to_day))
    else:
        address.change(**address.narrowed(dimension, key))


def chips(filters: tuple[Filter, ...]) -> None:
    """Active filters; a click removes one."""
    if not filters:
        return
    with st.container(key="chips", horizontal=True, gap="xsmall"):
        for one in filters:
            for value in one.values:
                verb = "is not" if one.exclude else "is"
                name = wording.plain(wording.key_name(one.dimension, value))
                st.button(
                    f"{FILTERS[one.dimension].label} {verb} {name}",
                    key=f"chip-{one.dimension}-{value}",
                    icon=":material/close:",
                    icon_position="right",
                    help="Remove this filter",
                    on_click=_remove,
                    args=(one.dimension, value),
                )


def drawer() -> PopoverContainer:
    """The button that opens the form for another filter; `fill` draws the form."""
    return st.popover("Filter", icon=":material/filter_alt:", key="drawer", on_change="rerun")


def fill(drawer: PopoverContainer, handle: str, query_by: Callable[[str], Query]) -> None:
    """The form, with the values that the present view has. Nothing is asked while the drawer is closed."""
    if not drawer.open:
        return
    with drawer:
        dimension = st.selectbox("Filter by", list(FILTERS), format_func=_label, key="filter-dimension")
        values = _known_values(dimension, handle, query_by)
        value = st.selectbox(
            _label(dimension),
            tuple(values),
            format_func=lambda value: values.get(str(value), str(value)),
            index=None,
            placeholder="Choose or type",
            accept_new_options=True,
            key=f"filter-value-{dimension}",
        )
        mode = st.segmented_control("Show", ["Only this", "All but this"], default="Only this", required=True)
        wanted = value if value is None or value in values else value.strip()  # typed
        st.button(
            "Apply", type="primary", disabled=not wanted, on_click=_add, args=(dimension, wanted, mode != "Only this")
        )


def _known_values(dimension: str, handle: str, query_by: Callable[[str], Query]) -> dict[str, str]:
    """Value → name. Of hosts there is no list: they are typed."""
    filtered = FILTERS[dimension]
    if not filtered.groups:
        return {}
    names = session.names(session.ask(query_by(filtered.name)))
    if filtered.name == "campaign":
        names |= session.campaign_names(handle)  # also those without a click in this period
    return {key: name for key, name in names.items() if key != OTHER}


def _label(dimension: str) -> str:
    return FILTERS[dimension].label


def _add(dimension: str, value: str, exclude: bool) -> None:
    address.change(**{dimension: address.with_filter(dimension, value, exclude=exclude)})
    st.session_state["drawer"] = False


def _remove(dimension: str, value: str) -> None:
    address.change(**{dimension: address.without_filter(dimension, value)})


def _write_dimension() -> None:
    address.change(by=st.session_state["by"])
