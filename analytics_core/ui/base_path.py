"""What the dashboard stands below when it shares its host: `/stats` with `server.baseUrlPath = "stats"`."""

from __future__ import annotations

import streamlit as st


def base_path() -> str:
    """Empty, or with a slash in front and none behind."""
    named = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{named}" if named else ""
