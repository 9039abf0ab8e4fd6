"""Dimensions of the detail grain: which questions it answers, and its rows as SQL in the cube's columns.

A question about such dimensions, filtered by links and campaigns at most beside them, reads whole UTC days from the
detail grain and what is left at both ends from the facts. With another dimension of the cube beside them it reads the
facts alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from analytics_core.dimensions import CUBE_COLUMNS, DETAIL_COLUMNS, DETAIL_FILTERS, Dimension
from analytics_core.model import Query
from analytics_core.query.catalog import FILTERS, GROUPINGS


def asks_for_details(query: Query) -> bool:
    """Whether the cube lacks what the question groups or filters by."""
    return any(one.kept == "detail" for one in _asked(query))


def details_answer(query: Query) -> bool:
    """Whether the detail grain has everything that the question groups and filters by."""
    return all(one.kept in ("slots", "detail") or one.column in DETAIL_FILTERS for one in _asked(query))


def detail_columns() -> str:
    """The columns of the cube and of the detail grain, as its rows hold them."""
    kept = (*DETAIL_FILTERS, *DETAIL_COLUMNS)
    cube = (name if name in kept else f"CAST(NULL AS VARCHAR) AS {name}" for name in CUBE_COLUMNS)
    return ", ".join((*cube, *DETAIL_COLUMNS))


def _asked(query: Query) -> Iterator[Dimension]:
    yield from (FILTERS[one.dimension] for one in query.filters)
    if query.group_by is not None:
        yield GROUPINGS[query.group_by]
