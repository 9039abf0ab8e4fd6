"""`python -m analytics_core token|explain`: an access token for development, and how a question is answered."""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from typing import Final

from analytics_core.access import tokens
from analytics_core.access.actors import Actor
from analytics_core.bootstrap import build
from analytics_core.checked_settings import read_settings
from analytics_core.errors import ClickledgerError
from analytics_core.query.catalog import FILTERS
from analytics_core.query.parameters import gathered
from analytics_core.query.parse import parse_query
from analytics_core.settings import Settings
from analytics_core.store.clock import machine_time

_OPERATOR: Final = Actor("analytics_core explain", is_staff=True)


def token(arguments: argparse.Namespace, settings: Settings) -> None:
    lifetime = timedelta(minutes=arguments.minutes)
    print(tokens.mint(settings, arguments.user, now=machine_time(), lifetime=lifetime, is_staff=arguments.staff))


def explain(arguments: argparse.Namespace, settings: Settings) -> None:
    asked = {"groupBy": arguments.group_by, "fromDay": arguments.from_day, "toDay": arguments.to_day}
    asked["tz"] = arguments.tz
    given = gathered([*((name, value) for name, value in asked.items() if value), *arguments.filter])
    application = build(settings)
    query = parse_query(arguments.handle, given, application.clock())
    print("\n\n".join(application.analytics.explain(query, _OPERATOR)))
    application.analytics.close()


def _minutes(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return int(text)


def _filter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if name not in FILTERS or not value:
        raise argparse.ArgumentTypeError(f"{text} is no filter; write country=DE,AT or another of {', '.join(FILTERS)}")
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m analytics_core", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    minting = commands.add_parser("token", help="print an access token (JWT) for development")
    minting.set_defaults(run=token)
    minting.add_argument("--user", required=True, help="user id, as the accounts file names it")
    minting.add_argument("--staff", action="store_true", help="a platform reviewer, who reads every handle")
    minting.add_argument("--minutes", type=_minutes, default=60, help="how long it is valid (default 60)")

    explaining = commands.add_parser("explain", help="print the SQL of a question, and the engine's plan of it")
    explaining.set_defaults(run=explain)
    explaining.add_argument("--handle", required=True)
    explaining.add_argument("--group-by", required=True, help="as groupBy of the API")
    explaining.add_argument("--from-day", help="yyyymmdd; without days the last 30")
    explaining.add_argument("--to-day", help="yyyymmdd")
    explaining.add_argument("--tz", help="IANA time zone (default UTC)")
    explaining.add_argument("--filter", type=_filter, action="append", default=[], help="country=DE,AT and the like")
    return parser


def main(words: list[str] | None = None) -> int:
    arguments = _parser().parse_args(words)
    try:
        arguments.run(arguments, read_settings())
    except ClickledgerError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
