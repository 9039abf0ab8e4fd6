"""What can be asked: the dimensions that group, those that filter, and the error for one that does neither."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from analytics_core.dimensions import DIMENSIONS, Dimension
from analytics_core.errors import InvalidGroupByError

EVENT: Final = "event"
DEFINITIONS_VERSION: Final = "4"  # of METRICS and DIMENSIONS: raise it when a definition changes what is counted

GROUPINGS: Final = {one.name: one for one in DIMENSIONS if one.groups}
FILTERS: Final = {one.word: one for one in DIMENSIONS if one.filters}


def grouping(name: str) -> Dimension:
    """The dimension to group by. Raises InvalidGroupByError for a name that is none."""
    check_grouping(name, GROUPINGS)
    return GROUPINGS[name]


def check_grouping(name: str, known: Collection[str]) -> None:
    """Raises InvalidGroupByError for a name that is none of those that are `known`; an empty one was not given."""
    if name not in known:
        got = f"got {name[:40]!r}" if name else "it is missing"
        raise InvalidGroupByError(f"groupBy must be one of {', '.join(known)}; {got}.")
