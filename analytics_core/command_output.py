"""How commands print rows: as a table for people, or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_WIDEST: Final = 2_000  # columns of a table that no terminal shows


def print_rows(rows: Sequence[Mapping[str, object]], *, as_json: bool, widths: Mapping[str, int] | None = None) -> None:
    """`widths`: in how many characters columns wrap on a terminal."""
    is_for_a_person = sys.stdout.isatty()
    if as_json:
        print(json.dumps(rows, default=str))
        return
    table = Table()
    for name in rows[0] if rows else ("nothing to show",):
        width = (widths or {}).get(name) if is_for_a_person else None
        table.add_column(name, overflow="fold", max_width=width, no_wrap=bool(widths) and width is None)
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row.values()))
    # Whoever reads it through a pipe finds each row on one line.
    Console(width=None if is_for_a_person else _WIDEST).print(table)


def _cell(value: object) -> str:
    """As a person reads it: a query as it was given, a time to the second."""
    match value:
        case None:
            return ""
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case dict():
            return "&".join(f"{name}={one}" for name, one in value.items())
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)
