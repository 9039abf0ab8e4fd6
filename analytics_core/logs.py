"""Logs of the web process: one event a line, as JSON for whoever collects them, in colours on a terminal."""

from __future__ import annotations

import logging
import sys

import orjson
import structlog

_COMMON = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure_logs() -> None:
    """Called once, before the first request."""
    if sys.stdout.isatty():
        structlog.configure(processors=[*_COMMON, structlog.dev.ConsoleRenderer()])
        return
    structlog.configure(
        processors=[
            *_COMMON,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )
