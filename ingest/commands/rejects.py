"""`clickledger rejects`: shows lines and objects that could not be read, newest first."""

from __future__ import annotations

import argparse

from analytics_core.command_output import print_rows
from analytics_core.command_values import count
from analytics_core.settings import Settings
from analytics_core.store.database import Database
from ingest.clicks.sync_ledger import Ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=count, default=50, help="how many of the newest (default 50)")
    parser.add_argument("--reason", help="only those that were rejected for this reason, such as column_count")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    rejects = Ledger(Database(settings.database)).rejects(arguments.limit, arguments.reason)
    print_rows(rejects, as_json=arguments.json)
    return 0
