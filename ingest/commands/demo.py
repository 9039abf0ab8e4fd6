"""`clickledger demo`: makes a demo world, three handles with 90 days of logs, and tells their true totals."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from analytics_core.command_values import count
from analytics_core.settings import Settings
from analytics_core.store.clock import clock_of, machine_time
from analytics_core.store.database import Database
from ingest.accounts.accounts_file import load_accounts, read_accounts
from ingest.clicks.sync_ledger import Ledger
from ingest.demo import describe_truth, keep_followed, make_world


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=7, help="another seed makes another world (default 7)")
    parser.add_argument("--days", type=count, default=90, help="how many days of logs, up to now (default 90)")
    parser.add_argument("--lines", type=count, default=600_000, help="how many log lines (default 600000)")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    folder: Path = settings.state / "world"
    print(f"Demo world in {folder} …", file=sys.stderr)
    world = make_world(
        folder,
        seed=arguments.seed,
        end=machine_time(),
        days=arguments.days,
        lines=arguments.lines,
        public_domain=settings.public_domain,
    )
    database = Database(settings.database)
    if world.is_new and Ledger(database).has_batches():
        print(f"{settings.state} holds what an older demo world was ingested to; remove that folder.", file=sys.stderr)
        shutil.rmtree(folder)
        return 1
    load_accounts(database, read_accounts(world.accounts_file), settings.public_domain, clock_of(database)())
    keep_followed(world.followed_file, database)
    settings.redirect_log_folder.mkdir(parents=True, exist_ok=True)
    print(describe_truth(world))
    if settings.sources is None:  # `make demo` names them, and goes on by itself
        print(f"Next: CLICKLEDGER_SOURCES={world.sources_file} clickledger sync")
    return 0
