"""`clickledger sync`: reads what is new in the log sources, once or again and again."""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import suppress

import structlog

from analytics_core.command_values import seconds
from analytics_core.errors import ClickledgerError
from analytics_core.settings import Settings
from analytics_core.store.clock import clock_of
from analytics_core.store.database import Database
from analytics_core.store.lake import Lake
from ingest.accounts.accounts_file import keep_in_step
from ingest.sources import open_sources
from ingest.sync import prepare
from ingest.sync_progress import progress
from ingest.sync_report import totals, warnings
from ingest.sync_result import SyncResult

log = structlog.get_logger()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        help="a file, a folder, a glob or s3://bucket/prefix; may be repeated. Default: those of sources.toml",
    )
    parser.add_argument(
        "--fields", help="the field list of logs without a header, such as real-time logs, for all sources of this call"
    )
    parser.add_argument(
        "--full", action="store_true", help="list everything, not only recent hours, and try refused objects again"
    )
    often = parser.add_mutually_exclusive_group()
    often.add_argument("--once", action="store_true", help="one run (the default)")
    often.add_argument("--every", type=seconds, help="run again and again, at such intervals: 60s, 5m or 1h")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    every = arguments.every
    if every is None:
        return 0 if _run_and_tell(arguments, settings).complete else 1
    while True:
        started = time.monotonic()
        _run_whatever_happens(arguments, settings)
        time.sleep(max(0.0, every - (time.monotonic() - started)))


def _run_whatever_happens(arguments: argparse.Namespace, settings: Settings) -> None:
    """One of many runs: what this one meets is told, and ends none of the later ones."""
    try:
        _run_and_tell(arguments, settings)
    except (KeyboardInterrupt, SystemExit, BrokenPipeError):  # of stdout: nobody listens any more
        raise
    except ClickledgerError as error:
        _tell_failure(f"{error.code}: {error.message} Trying again.")
    except BaseException as error:
        with suppress(OSError):
            log.exception("sync_failed")
        _tell_failure(f"internal_error: {type(error).__name__}: {error}. Trying again.")


def _tell_failure(what: str) -> None:
    with suppress(OSError):  # a full disk, where stderr is a file
        print(what, file=sys.stderr, flush=True)


def _run_and_tell(arguments: argparse.Namespace, settings: Settings) -> SyncResult:
    started = time.monotonic()
    result = _run_once(arguments, settings)
    for sentence in warnings(result):
        print(sentence, file=sys.stderr)
    print(json.dumps(totals(result, time.monotonic() - started)), flush=True)
    return result


def _run_once(arguments: argparse.Namespace, settings: Settings) -> SyncResult:
    database = Database(settings.database)
    clock = clock_of(database)
    sources = open_sources(arguments.source, arguments.fields, settings, clock)
    if settings.accounts:
        keep_in_step(settings.accounts, database, settings.public_domain, clock())
    with progress() as shown:
        syncing = prepare(settings, Lake(settings.lake_url), database, clock, shown)
        return syncing.run(sources, full=arguments.full)
