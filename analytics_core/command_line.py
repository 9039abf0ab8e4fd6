"""Command lines: each command is a module, which is imported when its name is the first word.

Such a module has `add_arguments(parser)`, which says what the command takes, and `run(arguments, settings)`, which does
it and returns the exit code: 0 done, 1 failed. They need different libraries; to import all at every start is slow.
"""

from __future__ import annotations

import argparse
import logging
import os
import select
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, TextIO

import structlog

from analytics_core import __version__
from analytics_core.checked_settings import read_settings
from analytics_core.errors import ClickledgerError


def run(prog: str, description: str, packages: Mapping[str, Mapping[str, str]], words: Sequence[str] | None) -> int:
    """Runs the command that the first of `words` names (default: those that the process was started with).

    `packages`: the commands of each package of command modules, with what they do. Returns the exit code; wrong usage
    ends the process with 2. Who stops reading what is printed gets no traceback.
    """
    try:
        code = _run(prog, description, packages, sys.argv[1:] if words is None else words)
        sys.stdout.flush()
    except BrokenPipeError:
        if not _is_unread(sys.stdout):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to be written at the end
        return 1
    return code


def _run(prog: str, description: str, packages: Mapping[str, Mapping[str, str]], words: Sequence[str]) -> int:
    arguments = parser(prog, description, packages, words[:1]).parse_args(words)
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


def parser(
    prog: str, description: str, packages: Mapping[str, Mapping[str, str]], named: Sequence[str] | None
) -> argparse.ArgumentParser:
    """Takes the arguments of the commands that are `named`; without names, of all."""
    made = argparse.ArgumentParser(prog=prog, description=description)
    made.add_argument("--version", action="version", version=f"clickledger {__version__}")
    made.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        packages=packages,
        help="print what makes a shell complete commands and options",
    )
    parsers = made.add_subparsers(metavar="COMMAND", required=True)
    for package, commands in packages.items():
        for name, what_it_does in commands.items():
            command = parsers.add_parser(
                name, help=what_it_does, description=f"{what_it_does[:1].upper()}{what_it_does[1:]}."
            )
            if named is None or name in named:
                module = import_module(f"{package}.{name}")
                module.add_arguments(command)
                command.set_defaults(run=module.run)
    return made


def _is_unread(output: TextIO) -> bool:
    """Whether a pipe's reader has gone, as `head` does when it has enough. A socket may be broken too."""
    poll = select.poll()
    poll.register(output.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


class _PrintCompletion(argparse.Action):
    def __init__(self, *, packages: Mapping[str, Mapping[str, str]], **given: Any) -> None:
        super().__init__(choices=("bash", "zsh"), **given)
        self._packages = packages

    def __call__(self, asked: argparse.ArgumentParser, _: object, values: Any, __: object = None) -> None:
        import shtab  # noqa: PLC0415  (nothing else needs it)

        whole = parser(asked.prog, asked.description or "", self._packages, None)
        print(shtab.complete(whole, values), flush=True)
        asked.exit()
