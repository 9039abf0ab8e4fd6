"""Refreshes the lists from their npm packages: `python -m ingest.classify.refresh [isbot=5.2.3 …]`.

Fetches with `npm pack`, refuses a pattern that does not compile, then writes lists/*.json, their licences and
lists/manifest.json (version and SHA-256 of each package), and prints which of the project's own example agents get
another verdict. Without a version the newest is taken.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from ingest.classify.bot_list import bot_list, compile_bot_list
from ingest.classify.bot_rules import bot_rules
from ingest.classify.list_files import LISTS

EXAMPLES: Final = Path(__file__).parents[2] / "tests" / "unit" / "user_agents.tsv"
PACKAGES: Final = ("isbot", "crawler-user-agents")


@dataclass(frozen=True, slots=True)
class FetchedList:
    """One package: its patterns as they are kept here, and what the manifest says of it."""

    name: str
    patterns: list[Any]
    license_text: str
    manifest: dict[str, str]


def main(arguments: Sequence[str]) -> int:
    versions = dict(argument.split("=", 1) for argument in arguments)
    fetched = [fetch(name, versions.get(name, "latest")) for name in PACKAGES]
    lines = changes(fetched[0].patterns)
    for one in fetched:
        (LISTS / f"{one.name}.json").write_text(json.dumps(one.patterns, indent=0, ensure_ascii=False) + "\n")
        (LISTS / f"{one.name}.LICENSE").write_text(one.license_text)
    manifest = {one.name: one.manifest for one in fetched}
    (LISTS / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def fetch(name: str, version: str) -> FetchedList:
    """The package as the npm client delivers it, every pattern tried."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, check=True, capture_output=True)
        package = next(Path(folder).glob("*.tgz"))
        with tarfile.open(package) as archive:
            archive.extractall(folder, filter="data")
        root = Path(folder) / "package"
        about = json.loads((root / "package.json").read_text())
        return FetchedList(
            name,
            isbot_patterns(root) if name == "isbot" else crawler_patterns(root),
            (root / "LICENSE").read_text(),
            {
                "version": about["version"],
                "license": about["license"],
                "sha256": hashlib.sha256(package.read_bytes()).hexdigest(),
            },
        )


def isbot_patterns(root: Path) -> list[str]:
    found = re.search(r"var patterns_default = (\[.*?\n\]);", (root / "index.mjs").read_text(), re.DOTALL)
    if found is None:
        raise SystemExit("isbot: the pattern list is not where it was; read its index.mjs.")
    patterns: list[str] = json.loads(found.group(1))
    for regex in compile_bot_list(patterns).regexes:
        require_compilable("isbot", regex)
    return patterns


def crawler_patterns(root: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((root / "crawler-user-agents.json").read_text())
    for entry in entries:
        require_compilable("crawler-user-agents", entry["pattern"])
    return [{"pattern": entry["pattern"], "tags": entry.get("tags", [])} for entry in entries]


def require_compilable(name: str, regex: str) -> None:
    try:
        pl.Series([""]).str.contains(regex)
    except pl.exceptions.ComputeError as error:
        raise SystemExit(f"{name}: Rust's regex refuses {regex!r}; nothing was written.\n{error}") from error


def changes(patterns: Sequence[str]) -> list[str]:
    """One line an example agent whose verdict differs from the present list's, and a sentence of the whole."""
    rows = [line.split("\t") for line in EXAMPLES.read_text().splitlines() if not line.startswith("#")]
    agents = pl.Series([row[-1] for row in rows])
    judged = pl.DataFrame(
        {"agent": agents, "old": bot_rules(agents, bot_list()), "new": bot_rules(agents, compile_bot_list(patterns))}
    )
    person = pl.lit("person")
    changed = judged.with_columns(pl.col("old", "new").fill_null(person)).filter(pl.col("old") != pl.col("new"))
    lines = changed.select(pl.format("{} -> {}: {}", "old", "new", "agent")).to_series().to_list()
    return [*lines, f"{changed.height} of {judged.height} example agents changed their verdict."]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
