"""`clickledger deliveries add | list | runs | remove`: the scheduled exports."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from analytics_core.bootstrap import build
from analytics_core.command_output import print_rows
from analytics_core.command_values import count
from analytics_core.exports import FORMATS_OF_DELIVERIES
from analytics_core.exports.schedules import add, past_runs, remove, saved
from analytics_core.settings import Settings
from analytics_core.store.clock import clock_of
from analytics_core.store.database import Database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    adding = verbs.add_parser("add", help="save a query that `deliver` exports once a period")
    adding.set_defaults(verb_run=_add)
    adding.add_argument("--handle", required=True, help="the handle whose numbers are exported")
    adding.add_argument(
        "--every", choices=("daily", "weekly"), default="daily", help="default daily; weeks begin on Monday"
    )
    adding.add_argument("--format", choices=tuple(FORMATS_OF_DELIVERIES), default="csv", help="default csv")
    adding.add_argument(
        "--query",
        required=True,
        help="parameters as in the API, without days: groupBy=slug&country=DE&tz=Europe/Berlin",
    )
    adding.add_argument("--to", required=True, help="where the files go: a folder or s3://bucket/prefix")
    listing = verbs.add_parser("list", help="the saved exports")
    listing.set_defaults(verb_run=_list)
    history = verbs.add_parser(
        "runs", help="how each period ended, and why a period was skipped or failed; newest first"
    )
    history.set_defaults(verb_run=_show_runs)
    history.add_argument("--limit", type=count, default=50, help="how many of the newest (default 50)")
    for showing in (listing, history):
        showing.add_argument("--handle", help="only the exports of this handle")
        showing.add_argument("--json", action="store_true", help="print JSON instead of a table")
    removing = verbs.add_parser("remove", help="remove a saved export; its files stay")
    removing.set_defaults(verb_run=_remove)
    removing.add_argument("delivery_id", help="its id, as `list` tells it")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    arguments.verb_run(arguments, settings)
    return 0


def _add(arguments: argparse.Namespace, settings: Settings) -> None:
    made = add(
        build(settings),
        handle=arguments.handle,
        every=arguments.every,
        format_name=arguments.format,
        query=arguments.query,
        place=arguments.to if "://" in arguments.to else str(Path(arguments.to).absolute()),
    )
    print(json.dumps(asdict(made), default=str))


def _list(arguments: argparse.Namespace, settings: Settings) -> None:
    found = saved(Database(settings.database), arguments.handle)
    print_rows([asdict(delivery) for delivery in found], as_json=arguments.json)


def _show_runs(arguments: argparse.Namespace, settings: Settings) -> None:
    print_rows(past_runs(Database(settings.database), arguments.handle, arguments.limit), as_json=arguments.json)


def _remove(arguments: argparse.Namespace, settings: Settings) -> None:
    database = Database(settings.database)
    remove(database, arguments.delivery_id, clock_of(database)())
