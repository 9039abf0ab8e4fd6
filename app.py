"""Dashboard and API in one process: `streamlit run app.py`. Each screen is a file in `pages/`."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import streamlit as st
from starlette.middleware import Middleware

from analytics_core import api
from analytics_core.bootstrap import shared
from analytics_core.logs import configure_logs
from analytics_core.ui import cookie, problems
from analytics_core.ui.browser_policy import BrowserPolicy


@asynccontextmanager
async def opened(_: st.App) -> AsyncGenerator[None]:
    """Opens lake and database before the first visitor: wrong settings stop the start."""
    configure_logs()
    application = shared()
    application.start()
    yield
    application.stop()


app = st.App(
    "pages/dashboard.py",
    routes=[*api.routes(api.app), *cookie.routes],
    middleware=[Middleware(BrowserPolicy), Middleware(api.FindHandle, application=shared)],
    lifespan=opened,
    on_script_error=problems.unexpected,
)
