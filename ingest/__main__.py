"""The operator's command line: `python -m ingest COMMAND`, and `clickledger COMMAND` with the others beside it."""

from __future__ import annotations

import sys

from analytics_core import commands as answering
from analytics_core.command_line import run
from ingest.commands import COMMANDS


def main(words: list[str] | None = None) -> int:
    return run("python -m ingest", "Reads logs, and keeps the books.", {"ingest.commands": COMMANDS}, words)


def clickledger(words: list[str] | None = None) -> int:
    packages = {"ingest.commands": COMMANDS, "analytics_core.commands": answering.COMMANDS}
    return run("clickledger", "Link analytics in which every log line is accounted for.", packages, words)


if __name__ == "__main__":
    sys.exit(main())
