"""The HTTP API. `uvicorn analytics_core.api:app` serves it alone; `routes()` mounts it beside the dashboard."""

from analytics_core.api.app import create_app, routes
from analytics_core.api.redirect_routes import FindHandle
from analytics_core.bootstrap import shared

__all__ = ["FindHandle", "app", "create_app", "routes"]

app = create_app(shared)
