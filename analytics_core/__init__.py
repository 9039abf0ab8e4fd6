"""Clickledger's analytics core: questions about a handle's clicks, and answers that add up."""

from analytics_core.model import (
    NOT_TRACKED,
    OTHER,
    Answer,
    Confidence,
    Factor,
    Filter,
    Freshness,
    FreshnessStatus,
    Metrics,
    Period,
    Plan,
    Query,
    Role,
    Row,
    Sort,
)

__version__ = "0.2.0"  # of the package: the build reads it here

__all__ = [
    "NOT_TRACKED",
    "OTHER",
    "Answer",
    "Confidence",
    "Factor",
    "Filter",
    "Freshness",
    "FreshnessStatus",
    "Metrics",
    "Period",
    "Plan",
    "Query",
    "Role",
    "Row",
    "Sort",
]
