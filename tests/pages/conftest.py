"""The dashboard without a browser: pages run as Streamlit runs them, over a small world of today."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import streamlit as st
from streamlit.runtime.context import ContextProxy
from support.screens import Dashboard, load_today, sync_today
from support.world import World

from analytics_core.bootstrap import shared


@pytest.fixture
def unsynced(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dashboard]:
    """Accounts, but no logs yet."""
    load_today(world)
    monkeypatch.setenv("CLICKLEDGER_STATE", str(world.folder / "var"))
    monkeypatch.setenv("CLICKLEDGER_DEMO", "true")
    monkeypatch.setattr(ContextProxy, "ip_address", None)  # as on localhost; AppTest makes up an object
    shared.cache_clear()
    st.cache_data.clear()
    yield Dashboard(world)
    shared().analytics.close()
    shared.cache_clear()


@pytest.fixture
def dashboard(unsynced: Dashboard) -> Dashboard:
    sync_today(unsynced.world)
    return unsynced
