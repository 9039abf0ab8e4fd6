"""User agents and their verdicts: each distinct agent is classified once and kept in the lake once."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import polars as pl
import polars_hash as plh

from analytics_core.dimensions import VERDICT_COLUMNS
from analytics_core.errors import SettingsError
from analytics_core.store.driver_errors import CommitConflictError
from analytics_core.store.lake import Lake, files_of
from analytics_core.store.lake_tables import USER_AGENTS, UTC_MICROSECONDS, VERDICTS, TableSpec
from analytics_core.store.list_versions import held_versions
from ingest.classify import LIST_VERSION, classify_user_agents

_REMEMBERED: Final = 500_000  # agents; beyond it the memory starts afresh
_COLUMNS: Final = {
    "logged_id": pl.Int64,  # stable_hash of the agent as it stands in the log
    "user_agent_id": pl.Int64,
    "user_agent": pl.String,  # decoded
    "bot_rule": pl.String,
    "bot_name": pl.String,
    "bot_category": pl.String,
    **dict.fromkeys(VERDICT_COLUMNS, pl.String),
}


def stable_hash(column: str) -> pl.Expr:
    """XXH3-64 with seed 0 of a string column, as a signed integer: what event_id and user_agent_id are."""
    return plh.col(column).nchash.xxh3_64().reinterpret(signed=True)


def user_agents_of(lake: Lake, pinned: str) -> UserAgents:
    """`pinned`: the list version that a setting names, or nothing, which means that of the installed lists.

    Raises SettingsError for a version of which the lake holds no verdicts.
    """
    if pinned and pinned != LIST_VERSION and pinned not in (held := held_versions(lake)):
        there = f"the lake holds {', '.join(held)}" if held else "the lake holds none yet"
        raise SettingsError(
            f"CLICKLEDGER_LIST_VERSION must be a list version of which the lake holds verdicts ({there}), or the "
            f"installed one ({LIST_VERSION}); got {pinned!r}."
        )
    return UserAgents(lake, pinned or LIST_VERSION)


class UserAgents:
    """Verdicts on user agents by the name of one list version, backed by the lake's tables.

    The installed lists find them, also where the version is another one: what that has said of an agent stays so.
    """

    def __init__(self, lake: Lake, list_version: str) -> None:
        self.list_version: Final = list_version
        self._lake = lake
        self._remembered = pl.DataFrame(schema=_COLUMNS)
        self._kept: dict[str, pl.Series] = {}  # table name → ids known to be in it

    def judge(self, logged: pl.DataFrame, learnt_at: datetime) -> pl.DataFrame:
        """Verdicts (columns of _COLUMNS) on agents as logged: `logged_id` and `user_agent`, repeated as they come.

        Every agent is in the lake afterwards. May hold verdicts that were not asked for: join it by `logged_id`.
        """
        is_new = pl.col("logged_id").is_first_distinct() & pl.col("user_agent").is_not_null()
        distinct = logged.filter(is_new)
        unknown = distinct.join(self._remembered, on="logged_id", how="anti")["user_agent"]
        if unknown.len():
            judged = classify(unknown)
            self.keep(judged, learnt_at)
            self._remembered = pl.concat([self._remembered, judged])
        verdicts = self._remembered
        if verdicts.height > _REMEMBERED:
            self._remembered = verdicts.clear()
        return verdicts

    def keep(self, judged: pl.DataFrame, learnt_at: datetime) -> None:
        """Puts agents and verdicts into the lake, each of them once, whoever else does so at the same time."""
        once = judged.unique("user_agent_id", maintain_order=True)
        self._append_missing(
            USER_AGENTS, once.with_columns(learnt_at=pl.lit(learnt_at, dtype=UTC_MICROSECONDS)), files=None
        )
        named = once.with_columns(list_version=pl.lit(self.list_version))
        self._append_missing(VERDICTS, named, files=self._of_this_version())

    def verdicts(self) -> pl.LazyFrame:
        """VERDICTS rows of this version, as the lake has them now."""
        table = self._lake.open(VERDICTS)
        return self._lake.scan(table, VERDICTS, files_of(table, self._of_this_version()))

    def _of_this_version(self) -> list[tuple[str, str, str]]:
        return [("list_version", "=", self.list_version)]

    def _append_missing(self, spec: TableSpec, rows: pl.DataFrame, files: list[tuple[str, str, str]] | None) -> None:
        known = self._kept.get(spec.name)
        while True:
            missing = rows if known is None else rows.filter(~pl.col("user_agent_id").is_in(known.implode()))
            if missing.is_empty():
                return
            # Only ids not remembered cost a look at the table; what it holds can only grow.
            table = self._lake.open(spec)
            paths = files_of(table, files) if files else files_of(table)
            known = self._lake.scan(table, spec, paths).select("user_agent_id").collect()["user_agent_id"]
            missing = missing.filter(~pl.col("user_agent_id").is_in(known.implode()))
            try:
                if missing.height:
                    self._lake.append(table, spec, missing)
            except CommitConflictError:
                continue
            self._kept[spec.name] = pl.concat([known, missing["user_agent_id"]])
            return


def classify(logged: pl.Series) -> pl.DataFrame:
    """Verdicts of the installed lists on distinct user agents as logged; columns of _COLUMNS."""
    verdicts = classify_user_agents(logged).with_columns(logged_id=stable_hash("user_agent")).drop("user_agent")
    return (
        verdicts.rename({"decoded": "user_agent"})
        .with_columns(user_agent_id=stable_hash("user_agent"))
        .select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())
    )
