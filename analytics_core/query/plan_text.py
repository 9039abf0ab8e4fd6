"""How a question is answered: the SQL that it compiles to, what that binds and reads, and the engine's plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import polars as pl

from analytics_core.engines.engine import Engine, Statement
from analytics_core.query.reader import Reader
from analytics_core.query.resolve import Resolved
from analytics_core.store.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class _Witness:
    """An engine that keeps what it is asked, and by which plan it answers."""

    inner: Engine
    seen: list[str] = field(default_factory=list[str])

    def frame(self, statement: Statement) -> pl.DataFrame:
        self.seen.append(f"{_written(statement)}\n\n{self.inner.plan(statement)}")
        return self.inner.frame(statement)

    def stream(self, statement: Statement, chunk_rows: int) -> Iterator[pl.DataFrame]:
        return self.inner.stream(statement, chunk_rows)

    def plan(self, statement: Statement) -> str:
        return self.inner.plan(statement)

    def close(self) -> None:
        self.inner.close()


def explain(reader: Reader, resolved: Resolved, snapshot: Snapshot) -> list[str]:
    """One text for each statement that the rows of the answer need, in their order. Each is run twice."""
    witness = _Witness(reader.engine)
    replace(reader, engine=witness).rows(resolved, snapshot, None)
    return witness.seen


def _written(statement: Statement) -> str:
    scans = (f"-- {{{name}}}: {len(scan.files)} files of {scan.spec.name}" for name, scan in statement.scans.items())
    values = (f"-- ${name} = {value}" for name, value in statement.values.items())
    return "\n".join((statement.sql, *scans, *values))
