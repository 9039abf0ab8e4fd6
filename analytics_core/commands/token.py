"""`clickledger token`: prints an access token (JWT) for development."""

from __future__ import annotations

import argparse
from datetime import timedelta

from analytics_core.access import user_tokens
from analytics_core.command_values import count
from analytics_core.settings import Settings
from analytics_core.store.clock import machine_time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", required=True, help="the user id, as the accounts file has it")
    parser.add_argument("--staff", action="store_true", help="make the token of a reviewer, who reads every handle")
    parser.add_argument("--minutes", type=count, default=60, help="how many minutes the token is valid (default 60)")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    lifetime = timedelta(minutes=arguments.minutes)
    print(user_tokens.mint(settings, arguments.user, now=machine_time(), lifetime=lifetime, is_staff=arguments.staff))
    return 0
