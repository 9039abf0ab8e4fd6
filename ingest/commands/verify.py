"""`clickledger verify`: checks that every line is accounted for, once."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from analytics_core.command_output import print_rows
from analytics_core.settings import Settings
from analytics_core.store.database import Database
from analytics_core.store.driver_errors import answering
from analytics_core.store.lake import Lake
from ingest.clicks.user_agents import user_agents_of
from ingest.verification import verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    with answering():
        lake = Lake(settings.lake_url)
        agents = user_agents_of(lake, settings.list_version)
        checks = verify(lake, Database(settings.database), agents, settings.segment_rules)
    print_rows([asdict(check) for check in checks], as_json=arguments.json)
    return 0 if all(check.holds for check in checks) else 1
