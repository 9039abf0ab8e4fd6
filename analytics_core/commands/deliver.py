"""`clickledger deliver`: makes the scheduled exports that are due."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from analytics_core.bootstrap import build
from analytics_core.exports.scheduled_runs import deliver
from analytics_core.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print every run as JSON, not only how many there were")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    ended = list(deliver(build(settings)))
    if arguments.json:
        print(json.dumps([asdict(one) for one in ended]))
    else:
        for one in ended:
            print(f"{one.handle} {one.from_day}-{one.to_day} {one.outcome} {one.file or one.reason}", file=sys.stderr)
        outcomes = [one.outcome for one in ended]
        print(json.dumps({name: outcomes.count(name) for name in ("delivered", "skipped", "failed")}))
    return 1 if any(one.outcome == "failed" for one in ended) else 0
