"""The commands of what answers questions: `python -m analytics_core serve | token | explain | deliver | deliveries`."""

from __future__ import annotations

import sys

from analytics_core.command_line import run
from analytics_core.commands import COMMANDS


def main(words: list[str] | None = None) -> int:
    about = "Dashboard and API, scheduled exports, an access token for development, and how a question is answered."
    return run("python -m analytics_core", about, {"analytics_core.commands": COMMANDS}, words)


if __name__ == "__main__":
    sys.exit(main())
