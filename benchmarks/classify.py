"""Verdicts on user agents: how many a second, beside another checkout, and how right on the project's own tables."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

from benchmarks.ingest import ROOT
from benchmarks.report import machine, note, table
from ingest.classify.bot_list import own_rules
from ingest.classify.speed import distinct_agents, logged_agents
from ingest.classify.trial import moved_by
from ingest.classify.verdicts import classify_user_agents

AGENTS = 200_000
ROUNDS = 3
TABLES = ("user_agents.tsv", "bots_by_kind.tsv")  # group, what is right, agent
# Run by each checkout for itself, on one thread: all that it needs is the public function.
MEASURED = """
import sys, time
import polars as pl
from ingest.classify import classify_user_agents
logged = pl.read_parquet(sys.argv[1])["agent"]
classify_user_agents(logged.head(10))
begun = time.process_time()
classify_user_agents(logged)
print(time.process_time() - begun)
"""


def run(beside: Path | None = None) -> None:
    """`beside`: another checkout of Clickledger, which judges the same agents in turn with this one."""
    trees = {"this checkout": ROOT, **({beside.name: beside} if beside else {})}
    seconds: dict[str, list[float]] = {name: [] for name in trees}
    with tempfile.TemporaryDirectory() as folder:
        agents = Path(folder) / "agents.parquet"
        logged_agents(distinct_agents(AGENTS)).alias("agent").to_frame().write_parquet(agents)
        for _ in range(ROUNDS):
            for name, tree in trees.items():
                seconds[name].append(_seconds(tree, agents))
                note(f"{name}: {seconds[name][-1]:.2f} s")
    best = {name: min(times) for name, times in seconds.items()}
    print(f"## User agents\n\n{AGENTS:,} distinct agents, one thread, best of {ROUNDS}. {machine()}\n")
    table(
        ["whole verdicts", "a second", "µs each", "of this checkout's time"],
        (
            (name, f"{AGENTS / one:,.0f}", f"{one / AGENTS * 1e6:.1f}", f"{one / best['this checkout']:.2f} ×")
            for name, one in best.items()
        ),
    )
    table(["on the tables of tests/unit", "agents", "right"], _right())


def _seconds(tree: Path, agents: Path) -> float:
    environment = {**os.environ, "PYTHONPATH": str(tree), "POLARS_MAX_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, str(agents)],
        cwd=tree,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(ended.stdout)


def _right() -> list[tuple[str, int, str]]:
    """One row a question: how many agents it asks of, and how many are answered rightly."""
    lines = [line for name in TABLES for line in (ROOT / "tests" / "unit" / name).read_text().splitlines()]
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    agents = pl.DataFrame(rows, schema=["group", "expected", "agent"], orient="row")
    judged = pl.concat(
        [agents, classify_user_agents(agents["agent"]).select("bot_rule", "bot_name", "bot_category")], how="horizontal"
    )
    is_bot = pl.col("bot_rule").is_not_null()
    devices = ["MOBILE", "TABLET", "DESKTOP", "UNKNOWN"]
    people = judged.filter(pl.col("expected").is_in(["person", *devices]))
    bots = judged.filter(~pl.col("expected").is_in(["person", *devices]))
    libraries = bots.filter(pl.col("group").is_in(["library", "http library", "infrastructure"]))
    in_app = people.filter(pl.col("group") == "in-app")
    found = bots.filter(is_bot)
    asked = [
        ("bots found", bots, bots.filter(is_bot)),
        ("of them libraries and infrastructure", libraries, libraries.filter(is_bot)),
        ("people who are no bots", people, people.filter(~is_bot)),
        ("of them in-app browsers", in_app, in_app.filter(~is_bot)),
        ("bots with a name and a kind", found, found.drop_nulls(["bot_name", "bot_category"])),
    ]
    for rule in (rule["name"] for rule in own_rules() if rule.get("off")):
        persons = people.filter(~is_bot)
        asked.append((f"people whom `own:{rule}` (off) would spare", persons, _spared(rule, persons)))
    return [(question, of.height, f"{right.height} ({right.height / of.height:.1%})") for question, of, right in asked]


def _spared(rule: str, people: pl.DataFrame) -> pl.DataFrame:
    return people.join(moved_by(rule, people), on="agent", how="anti")
