"""`clickledger serve`: dashboard and API in one process, until it is stopped."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from analytics_core.settings import Settings

_PACKAGES: Final = Path(__file__).parents[2]
_PLACES: Final = (_PACKAGES / "clickledger_app" / "app.py", _PACKAGES / "app.py")  # installed; in a checkout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8501, help="the port to listen on (default 8501)")
    parser.add_argument("--address", help="the address of this machine to listen on; default: all of them")
    parser.add_argument(
        "--public-address",
        default="localhost",
        help="the host name in the address that browsers use (default localhost)",
    )


def run(arguments: argparse.Namespace, _: Settings) -> int:
    """The process goes on as Streamlit, in the same interpreter and with the same settings."""
    app = next(place for place in _PLACES if place.exists())
    words = ["--server.port", str(arguments.port), "--browser.serverAddress", arguments.public_address]
    if arguments.address is not None:
        words += ["--server.address", arguments.address]
    program = [sys.executable, "-m", "streamlit", "run", str(app), "--server.headless", "true", *words]
    os.execv(sys.executable, program)  # nosec B606
