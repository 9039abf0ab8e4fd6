"""`clickledger accounts FILE`: loads handles, plans, collaborators, links and campaigns."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from analytics_core.settings import Settings
from analytics_core.store.clock import clock_of
from analytics_core.store.database import Database
from ingest.accounts.accounts_file import load_accounts, read_accounts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="the accounts file: a path or an s3:// object")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    database = Database(settings.database)
    now = clock_of(database)()
    loaded = load_accounts(database, read_accounts(arguments.file), settings.public_domain, now)
    print(json.dumps(asdict(loaded)))
    return 0
