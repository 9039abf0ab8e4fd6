"""The operator's command line: `python -m ingest sync`, and what else keeps the books."""

from __future__ import annotations

import argparse
import json
import logging
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from analytics_core.bootstrap import build, read_settings
from analytics_core.errors import ClickledgerError
from analytics_core.exports import FORMATS_OF_DELIVERIES
from analytics_core.settings import Settings
from analytics_core.store.clock import clock_of, machine_time
from analytics_core.store.database import Database
from analytics_core.store.driver_errors import answering
from analytics_core.store.lake import Lake
from analytics_core.store.learnt import stamps_of
from analytics_core.zones import RELEASE
from ingest.accounts import keep_in_step, load_accounts, read_accounts
from ingest.compact import compact
from ingest.deliver import deliver
from ingest.deliveries import add, past_runs, remove, saved
from ingest.demo import describe_truth, keep_followed, make_world
from ingest.ledger import Ledger
from ingest.progress import progress
from ingest.sources import open_sources
from ingest.sync import SyncResult, prepare
from ingest.sync_report import totals, warnings
from ingest.verify import verify

log = structlog.get_logger()

_WIDEST: Final = 2_000  # columns of a table that no terminal shows
_PASSWORDS: Final = re.compile(r"(?<=://)([^/@:]*:)[^@]*(?=@)|([?&][^=&]*password=)[^&]*")  # of a URL


def sync(arguments: argparse.Namespace, settings: Settings) -> int:
    every = arguments.every
    if every is None:
        return 0 if _sync_and_tell(arguments, settings).complete else 1
    while True:
        started = time.monotonic()
        _sync_whatever_happens(arguments, settings)
        time.sleep(max(0.0, every - (time.monotonic() - started)))


def _sync_whatever_happens(arguments: argparse.Namespace, settings: Settings) -> None:
    """One of many runs: what this one meets is told, and ends none of the later ones."""
    try:
        _sync_and_tell(arguments, settings)
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


def _sync_and_tell(arguments: argparse.Namespace, settings: Settings) -> SyncResult:
    started = time.monotonic()
    result = _sync_once(arguments, settings)
    for sentence in warnings(result):
        print(sentence, file=sys.stderr)
    print(json.dumps(totals(result, time.monotonic() - started)), flush=True)
    return result


def _sync_once(arguments: argparse.Namespace, settings: Settings) -> SyncResult:
    database = Database(settings.database)
    clock = clock_of(database)
    sources = open_sources(arguments.source, arguments.fields, settings, clock)
    if settings.accounts:
        keep_in_step(settings.accounts, database, settings.public_domain, clock())
    with progress() as shown:
        run = prepare(settings, Lake(settings.lake_url), database, clock, shown)
        return run.run(sources, full=arguments.full)


def accounts(arguments: argparse.Namespace, settings: Settings) -> int:
    database = Database(settings.database)
    now = clock_of(database)()
    loaded = load_accounts(database, read_accounts(arguments.file), settings.public_domain, now)
    print(json.dumps(asdict(loaded)))
    return 0


def deliver_due(arguments: argparse.Namespace, settings: Settings) -> int:
    runs = list(deliver(build(settings)))
    if arguments.json:
        print(json.dumps([asdict(run) for run in runs]))
    else:
        for run in runs:
            print(f"{run.handle} {run.from_day}-{run.to_day} {run.outcome} {run.file or run.reason}", file=sys.stderr)
        outcomes = [run.outcome for run in runs]
        print(json.dumps({name: outcomes.count(name) for name in ("delivered", "skipped", "failed")}))
    return 1 if any(run.outcome == "failed" for run in runs) else 0


def add_delivery(arguments: argparse.Namespace, settings: Settings) -> int:
    made = add(
        build(settings),
        handle=arguments.handle,
        every=arguments.every,
        format_name=arguments.format,
        query=arguments.query,
        place=arguments.to if "://" in arguments.to else str(Path(arguments.to).absolute()),
    )
    print(json.dumps(asdict(made), default=str))
    return 0


def list_deliveries(arguments: argparse.Namespace, settings: Settings) -> int:
    found = saved(Database(settings.database), arguments.handle)
    _print_rows([asdict(delivery) for delivery in found], as_json=arguments.json)
    return 0


def show_runs(arguments: argparse.Namespace, settings: Settings) -> int:
    _print_rows(past_runs(Database(settings.database), arguments.handle, arguments.limit), as_json=arguments.json)
    return 0


def remove_delivery(arguments: argparse.Namespace, settings: Settings) -> int:
    database = Database(settings.database)
    remove(database, arguments.delivery_id, clock_of(database)())
    return 0


def verify_books(arguments: argparse.Namespace, settings: Settings) -> int:
    with answering():
        checks = verify(Lake(settings.lake_url), Database(settings.database), settings.segment_rules)
    _print_rows([asdict(check) for check in checks], as_json=arguments.json)
    return 0 if all(check.holds for check in checks) else 1


def compact_lake(arguments: argparse.Namespace, settings: Settings) -> int:
    database = Database(settings.database)
    stamps = stamps_of(clock_of(database), database)
    with answering():
        done = compact(Lake(settings.lake_url), settings.segment_rules, stamps)
    _print_rows([asdict(one) for one in done], as_json=arguments.json)
    return 0


def show_rejects(arguments: argparse.Namespace, settings: Settings) -> int:
    rejects = Ledger(Database(settings.database)).rejects(arguments.limit, arguments.reason)
    _print_rows(rejects, as_json=arguments.json)
    return 0


def demo(arguments: argparse.Namespace, settings: Settings) -> int:
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
        print(f"Next: CLICKLEDGER_SOURCES={world.sources_file} python -m ingest sync")
    return 0


def show_settings(arguments: argparse.Namespace, settings: Settings) -> int:
    rows = [
        {
            "name": f"CLICKLEDGER_{name.upper()}",
            "value": None if value is None else _PASSWORDS.sub(r"\1\2***", str(value)),
            "meaning": Settings.model_fields[name].description,
        }
        for name, value in settings
    ]
    rows.append({"name": "tzdata", "value": RELEASE, "meaning": "release of the time zones; no setting"})
    _print_rows(rows, as_json=arguments.json)
    return 0


def _print_rows(rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, default=str))
        return
    table = Table()
    for name in rows[0] if rows else ("nothing to show",):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row.values()))
    # Whoever reads it through a pipe finds each row on one line.
    Console(width=None if sys.stdout.isatty() else _WIDEST).print(table)


def _cell(value: object) -> str:
    """As a person reads it: a query as it was given, a time to the second."""
    match value:
        case None:
            return ""
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case dict():
            return "&".join(f"{name}={one}" for name, one in value.items())
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


def _seconds(text: str) -> float:
    found = re.fullmatch(r"([1-9]\d*)(s|m|h)?", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text} is no time span; write 60s, 5m or 1h")
    return int(found.group(1)) * {"s": 1, "m": 60, "h": 3600}[found.group(2) or "s"]


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 on")
    return int(text)


def _add_deliveries(command: Callable[..., argparse.ArgumentParser]) -> None:
    scheduling = command("deliveries", list_deliveries, "scheduled exports: add, list, runs, remove")
    verbs = scheduling.add_subparsers(dest="verb", required=True)
    adding = verbs.add_parser("add", help="save a query that `deliver` exports once a period")
    adding.set_defaults(run=add_delivery)
    adding.add_argument("--handle", required=True)
    adding.add_argument("--every", choices=("daily", "weekly"), default="daily")
    adding.add_argument("--format", choices=tuple(FORMATS_OF_DELIVERIES), default="csv")
    adding.add_argument("--query", required=True, help="as in the API: groupBy=slug&country=DE&tz=Europe/Berlin")
    adding.add_argument("--to", required=True, help="a folder or s3://bucket/prefix")
    listing = verbs.add_parser("list", help="those that are saved")
    listing.set_defaults(run=list_deliveries)
    history = verbs.add_parser("runs", help="how each period ended, and why one was skipped or failed; newest first")
    history.set_defaults(run=show_runs)
    history.add_argument("--limit", type=_count, default=50)
    for showing in (listing, history):
        showing.add_argument("--handle")
        showing.add_argument("--json", action="store_true")
    removing = verbs.add_parser("remove", help="end one; its files stay")
    removing.set_defaults(run=remove_delivery)
    removing.add_argument("delivery_id")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ingest", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[[argparse.Namespace, Settings], int], help_: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help_)
        made.set_defaults(run=run)
        return made

    syncing = command("sync", sync, "read what is new in the log sources")
    syncing.add_argument("--source", action="append", default=[], help="file, folder, glob or s3://bucket/prefix")
    syncing.add_argument(
        "--fields", help="field list of logs without a header, such as real-time logs, for all sources of this call"
    )
    syncing.add_argument(
        "--full", action="store_true", help="list everything, not only recent hours, and try refused objects again"
    )
    often = syncing.add_mutually_exclusive_group()
    often.add_argument("--once", action="store_true", help="one run (the default)")
    often.add_argument("--every", type=_seconds, help="run again and again, e.g. --every 60s")

    loading = command("accounts", accounts, "load handles, plans, collaborators, links and campaigns")
    loading.add_argument("file", help="a file, or an s3:// object")

    delivering = command("deliver", deliver_due, "make the scheduled exports that are due")
    delivering.add_argument("--json", action="store_true", help="every run, not only how many")
    _add_deliveries(command)

    verifying = command("verify", verify_books, "check that every line is accounted for, once")
    compacting = command("compact", compact_lake, "merge small files; changes no number")
    rejecting = command("rejects", show_rejects, "show lines and objects that could not be read, newest first")
    rejecting.add_argument("--limit", type=_count, default=50)
    rejecting.add_argument("--reason", help="only this reason")
    for reporting in (verifying, compacting, rejecting):
        reporting.add_argument("--json", action="store_true")

    showing_off = command("demo", demo, "make a demo world: three handles with 90 days of logs, and their true totals")
    showing_off.add_argument("--seed", type=int, default=7)
    showing_off.add_argument("--days", type=_count, default=90)
    showing_off.add_argument("--lines", type=_count, default=600_000)

    showing = command("settings", show_settings, "print every setting")
    showing.add_argument("--json", action="store_true")
    return parser


def main(words: list[str] | None = None) -> int:
    arguments = _parser().parse_args(words)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        return arguments.run(arguments, read_settings())
    except ClickledgerError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1


if __name__ == "__main__":
    sys.exit(main())
