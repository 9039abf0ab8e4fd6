"""The command line: `clickledger COMMAND`, and `python -m ingest COMMAND`, which is the same."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from analytics_core import commands as answering
from analytics_core.command_line import run
from ingest.commands import COMMANDS

PACKAGES: Final = {"ingest.commands": COMMANDS, "analytics_core.commands": answering.COMMANDS}


def main(words: Sequence[str] | None = None) -> int:
    return clickledger(words, "python -m ingest")


def clickledger(words: Sequence[str] | None = None, prog: str = "clickledger") -> int:
    return run(prog, "Link analytics in which every log line is accounted for.", PACKAGES, words)


if __name__ == "__main__":
    sys.exit(main())
