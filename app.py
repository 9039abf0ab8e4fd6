"""Dashboard and API in one process: `streamlit run app.py`. Each screen is a file in `pages/`."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from analytics_core import api
from analytics_core.bootstrap import shared
from analytics_core.logs import configure_logs
from analytics_core.ui import download_pickup, problems, session_cookie
from analytics_core.ui.base_path import base_path
from analytics_core.ui.browser_policy import BrowserPolicy
from analytics_core.ui.unknown_paths import UnknownPaths
from analytics_core.web.request_heads import limit_request_heads

BASE = base_path()
PAGES = [BASE, *(f"{BASE}/{path.stem}" for path in Path(__file__).with_name("pages").glob("*.py"))]


@asynccontextmanager
async def opened(_: st.App) -> AsyncGenerator[None]:
    """Opens lake and database before the first visitor: wrong settings stop the start."""
    configure_logs()
    application = shared()
    limit_request_heads(application.settings.head_seconds)
    application.start()
    yield
    application.stop()


app = st.App(
    "pages/dashboard.py",
    routes=[*api.routes(api.app, BASE), *session_cookie.routes(BASE), *download_pickup.routes(BASE)],
    middleware=[
        Middleware(BrowserPolicy),
        Middleware(UnknownPaths, pages=PAGES),
        Middleware(api.FindHandle, application=shared, base=BASE),
    ],
    lifespan=opened,
    on_script_error=problems.unexpected,
)
