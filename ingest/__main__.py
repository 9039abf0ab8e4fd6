"""The operator's command line: `python -m ingest sync`, and what else keeps the books."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import import_module

import structlog

from analytics_core.checked_settings import read_settings
from analytics_core.errors import ClickledgerError
from ingest.commands import COMMANDS


def _parse(words: Sequence[str]) -> argparse.Namespace:
    """The arguments of the command that is named first; its `run` is among them."""
    parser = argparse.ArgumentParser(prog="python -m ingest", description=__doc__)
    parsers = parser.add_subparsers(dest="command", required=True)
    commands = {name: parsers.add_parser(name, help=help_) for name, help_ in COMMANDS.items()}
    if words and words[0] in commands:
        named = import_module(f"ingest.commands.{words[0]}")
        named.add_arguments(commands[words[0]])
        commands[words[0]].set_defaults(run=named.run)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    arguments = _parse(sys.argv[1:] if words is None else words)
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
