"""Refreshes the lists from their npm packages: `python -m ingest.classify.refresh [isbot=5.2.3 …]`.

Writes lists/*.json, their licences and lists/manifest.json (version and SHA-256 of each package), refuses a pattern
that does not compile, and prints which of the project's own example agents get another verdict.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Final

import polars as pl

LISTS: Final = Path(__file__).parent / "lists"
EXAMPLES: Final = Path(__file__).parents[2] / "tests" / "unit" / "user_agents.tsv"
PACKAGES: Final = ("isbot", "crawler-user-agents")


def main(arguments: list[str]) -> int:
    versions = dict(argument.split("=", 1) for argument in arguments)
    before = _verdicts()
    manifest = {name: _refresh(name, versions.get(name, "latest")) for name in PACKAGES}
    (LISTS / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    after = _verdicts()
    changed = [(agent, before[agent], after[agent]) for agent in after if before.get(agent) != after[agent]]
    for agent, old, new in changed:
        sys.stdout.write(f"{old} -> {new}: {agent}\n")
    sys.stdout.write(f"{len(changed)} of {len(after)} example agents changed their verdict.\n")
    return 0


def _refresh(name: str, version: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, check=True, capture_output=True)
        package = next(Path(folder).glob("*.tgz"))
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        with tarfile.open(package) as archive:
            archive.extractall(folder, filter="data")
        root = Path(folder) / "package"
        patterns = _isbot_patterns(root) if name == "isbot" else _crawler_patterns(root)
        (LISTS / f"{name}.json").write_text(json.dumps(patterns, indent=0, ensure_ascii=False) + "\n")
        (LISTS / f"{name}.LICENSE").write_text((root / "LICENSE").read_text())
        found = json.loads((root / "package.json").read_text())
        return {"version": found["version"], "license": found["license"], "sha256": digest}


def _isbot_patterns(root: Path) -> list[str]:
    source = (root / "index.mjs").read_text()
    found = re.search(r"var patterns_default = (\[.*?\n\]);", source, re.DOTALL)
    if found is None:
        raise SystemExit("isbot: the pattern list is not where it was; read its index.mjs.")
    return json.loads(found.group(1))


def _crawler_patterns(root: Path) -> list[dict[str, Any]]:
    entries = json.loads((root / "crawler-user-agents.json").read_text())
    for entry in entries:
        pl.select(pl.lit("").str.contains(entry["pattern"]))  # raises for a pattern that does not compile
    return [{"pattern": entry["pattern"], "tags": entry.get("tags", [])} for entry in entries]


def _verdicts() -> dict[str, str | None]:
    code = (
        "import json,sys,polars as pl;from ingest.classify import classify_user_agents;"
        "f=classify_user_agents(pl.Series(json.load(sys.stdin),dtype=pl.String));"
        "print(json.dumps(dict(zip(f['user_agent'],f['bot_rule']))))"
    )
    agents = [line.split("\t")[2] for line in EXAMPLES.read_text().splitlines() if line and not line.startswith("#")]
    ran = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(agents), capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise SystemExit(f"The lists cannot be used:\n{ran.stderr}")
    return json.loads(ran.stdout)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
