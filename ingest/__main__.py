"""The command line: `clickledger COMMAND`, and `python -m ingest COMMAND`, which is the same."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ingest.memory import set_up_allocators


def main(words: Sequence[str] | None = None) -> int:
    return clickledger(words, "python -m ingest")


def clickledger(words: Sequence[str] | None = None, prog: str = "clickledger") -> int:
    set_up_allocators()  # before the imports below, which import Polars
    from analytics_core import commands as answering  # noqa: PLC0415
    from analytics_core.command_line import run  # noqa: PLC0415
    from ingest.commands import COMMANDS  # noqa: PLC0415

    packages = {"ingest.commands": COMMANDS, "analytics_core.commands": answering.COMMANDS}
    return run(prog, "Link analytics in which every log line is accounted for.", packages, words)


if __name__ == "__main__":
    sys.exit(main())
