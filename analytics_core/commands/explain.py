"""`clickledger explain`: prints the SQL of a question, and the engine's plan of it."""

from __future__ import annotations

import argparse
from typing import Final

from analytics_core.access.actors import Actor
from analytics_core.bootstrap import build
from analytics_core.query.catalog import FILTERS
from analytics_core.query.parameters import gathered
from analytics_core.query.parse import parse_query
from analytics_core.settings import Settings

_OPERATOR: Final = Actor("analytics_core explain", is_staff=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--handle", required=True, help="the handle that the question is about")
    parser.add_argument("--group-by", required=True, help="what to group by, as groupBy of the API")
    parser.add_argument("--from-day", help="the first day, as 20260201; without days the last 30")
    parser.add_argument("--to-day", help="the last day, as 20260228")
    parser.add_argument("--tz", help="an IANA time zone such as Europe/Berlin (default UTC)")
    parser.add_argument(
        "--filter",
        type=_filter,
        action="append",
        default=[],
        help="a filter such as country=DE,AT; may be given several times",
    )


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    asked = {"groupBy": arguments.group_by, "fromDay": arguments.from_day, "toDay": arguments.to_day}
    asked["tz"] = arguments.tz
    given = gathered([*((name, value) for name, value in asked.items() if value), *arguments.filter])
    application = build(settings)
    query = parse_query(arguments.handle, given, application.clock())
    print("\n\n".join(application.analytics.explain(query, _OPERATOR)))
    application.analytics.close()
    return 0


def _filter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if name not in FILTERS or not value:
        raise argparse.ArgumentTypeError(f"must be a filter such as country=DE,AT, of {', '.join(FILTERS)}; got {text}")
    return name, value
