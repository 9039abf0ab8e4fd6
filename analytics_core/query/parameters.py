"""Parameters of a question by name, from the pairs of a query string, in which a filter may stand several times."""

from __future__ import annotations

from collections.abc import Iterable

from analytics_core.errors import InvalidParameterError
from analytics_core.query.catalog import FILTERS
from analytics_core.query.parse import joined


def gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A filter has the values of all the times that it is given.

    Raises InvalidParameterError for another parameter that is given more than once.
    """
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    for name, given in values.items():
        if name not in FILTERS and len(given) > 1:
            raise InvalidParameterError(f"{name} must be given once; it is given more than once.")
    return {
        name: joined(name, [value for value in given if value]) if name in FILTERS else given[0]
        for name, given in values.items()
    }
