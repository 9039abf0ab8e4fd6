"""`clickledger classify --compare OLD NEW`: counts the clicks that another list version judges otherwise."""

from __future__ import annotations

import argparse
import json

from analytics_core.command_output import print_rows
from analytics_core.settings import Settings
from analytics_core.store.driver_errors import answering
from analytics_core.store.lake import Lake
from ingest.list_comparison import Comparison, compare


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--compare",
        nargs=2,
        metavar=("OLD", "NEW"),
        required=True,
        help="two versions: of those that the lake holds, by name or how it begins; current: the one in force; "
        "installed: the lists of this program",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    with answering():
        found = compare(Lake(settings.lake_url), *arguments.compare)
    rows = found.moved.to_dicts()
    if arguments.json:
        said = {"old": found.old, "new": found.new, "clicks": found.clicks, "totals": found.totals(), "moved": rows}
        print(json.dumps(said))
        return 0
    print_rows(rows, as_json=False)
    print(_sum(found))
    return 0


def _sum(found: Comparison) -> str:
    totals = found.totals()
    said = ", ".join(f"{move}: {clicks:,}" for move, clicks in totals.items())
    return f"{sum(totals.values()):,} of {found.clicks:,} clicks move from {found.old} to {found.new} ({said})."
