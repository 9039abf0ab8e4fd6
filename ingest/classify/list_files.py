"""The lists that verdicts rest on: where they lie, and how they are read."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Final

LISTS: Final = Path(__file__).parent / "lists"


def read_json(name: str) -> Any:
    return json.loads((LISTS / name).read_text(encoding="utf-8"))


def read_toml(name: str) -> dict[str, Any]:
    return tomllib.loads((LISTS / name).read_text(encoding="utf-8"))
