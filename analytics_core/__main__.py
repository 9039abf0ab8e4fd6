"""`python -m analytics_core token --user USER`: an access token for development."""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta

from analytics_core.access import tokens
from analytics_core.bootstrap import utc_now
from analytics_core.errors import ClickledgerError
from analytics_core.settings import load_settings


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m analytics_core", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    token = commands.add_parser("token", help="print an access token (JWT) for development")
    token.add_argument("--user", required=True, help="user id, as the accounts file names it")
    token.add_argument("--staff", action="store_true", help="a platform reviewer, who reads every handle")
    token.add_argument("--minutes", type=int, default=60, help="how long it is valid (default 60)")
    arguments = parser.parse_args(words)
    if arguments.minutes < 1:
        parser.error("--minutes must be at least 1")
    lifetime = timedelta(minutes=arguments.minutes)
    try:
        print(tokens.mint(load_settings(), arguments.user, now=utc_now(), lifetime=lifetime, is_staff=arguments.staff))
    except ClickledgerError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
