"""`clickledger compact`: merges small files; changes no number."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from analytics_core.command_output import print_rows
from analytics_core.settings import Settings
from analytics_core.store.clock import clock_of
from analytics_core.store.commit_time import stamps_of
from analytics_core.store.database import Database
from analytics_core.store.driver_errors import answering
from analytics_core.store.lake import Lake
from ingest.clicks.user_agents import user_agents_of
from ingest.compaction import compact


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    database = Database(settings.database)
    stamps = stamps_of(clock_of(database), database)
    with answering():
        lake = Lake(settings.lake_url)
        agents = user_agents_of(lake, settings.list_version)
        done = compact(lake, agents, settings.segment_rules, stamps)
    print_rows([asdict(one) for one in done], as_json=arguments.json)
    return 0
