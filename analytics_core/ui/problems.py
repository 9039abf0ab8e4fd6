"""Errors on a screen: ours say their sentence and code, others a calm card with an id that the log knows too."""

from __future__ import annotations

import html
from collections.abc import Generator
from contextlib import contextmanager
from uuid import uuid4

import streamlit as st
import structlog

from analytics_core.errors import ClickledgerError
from analytics_core.ui import address

_log = structlog.get_logger(__name__)


@contextmanager
def told(*, stop: bool = False) -> Generator[None]:
    """Draws what goes wrong inside instead of raising it; with `stop`, the page ends there."""
    try:
        yield
    except ClickledgerError as error:
        show(error)
    except Exception as error:  # the last door before the reader
        unexpected(error)
    else:
        return
    if stop:
        st.button("Start over", icon=":material/restart_alt:", on_click=address.clear)
        st.stop()


def show(error: ClickledgerError) -> None:
    _draw(error.message, f"Code: {error.code}")


def unexpected(error: Exception) -> bool:
    """Logs an error that nobody foresaw and shows its id; True: it has been shown."""
    request_id = uuid4().hex[:12]
    _log.error("screen_failed", request_id=request_id, exc_info=error)
    _draw(
        "This could not be shown. Nothing is lost; try again, and if it stays, report the id below.",
        f"Request id: {request_id}",
    )
    return True


def _draw(sentence: str, footnote: str) -> None:
    st.html(
        f'<div class="problem" role="alert"><p>{html.escape(sentence)}</p>'
        f'<p class="muted"><code>{html.escape(footnote)}</code></p></div>'
    )
