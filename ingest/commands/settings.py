"""`clickledger settings`: prints every setting."""

from __future__ import annotations

import argparse
import re
from typing import Final

from analytics_core.command_output import print_rows
from analytics_core.settings import Settings
from analytics_core.zones import RELEASE

_PASSWORDS: Final = re.compile(r"(?<=://)([^/@:]*:)[^@]*(?=@)|([?&][^=&]*password=)[^&]*")  # of a URL


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    rows = [
        {
            "name": f"CLICKLEDGER_{name.upper()}",
            "value": None if value is None else _PASSWORDS.sub(r"\1\2***", str(value)),
            "meaning": Settings.model_fields[name].description,
        }
        for name, value in settings
    ]
    rows.append({"name": "tzdata", "value": RELEASE, "meaning": "The release of the time zones. It is no setting."})
    print_rows(rows, as_json=arguments.json, widths={"value": 24, "meaning": 46})
    return 0
