"""Bots told by what one visitor does within seconds. These rules are tried, and decide nothing: docs/decisions/0010."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from analytics_core.store.request_rules import is_bots_request

HEAD_SECONDS: Final = 2
LINKS: Final = 20
LINKS_SECONDS: Final = 60


def head_then_get(clicks: pl.LazyFrame) -> pl.LazyFrame:
    """The clicks of whoever asked for the head of the same link at most HEAD_SECONDS before, as link checkers do.

    `clicks`: CLICKS rows, in any order. A visitor belongs to one handle, so that its slugs name links.
    """
    known = clicks.drop_nulls("visitor")
    heads = known.filter(pl.col("method") == "HEAD").select("visitor", "slug", head_at="at").sort("head_at")
    others = known.filter(pl.col("method") != "HEAD").join(heads, on=["visitor", "slug"], how="semi").sort("at")
    found = others.join_asof(
        heads,
        left_on="at",
        right_on="head_at",
        by=["visitor", "slug"],
        tolerance=f"{HEAD_SECONDS}s",
        check_sortedness=False,
    )
    return found.filter(pl.col("head_at").is_not_null()).drop("head_at")


def many_links(clicks: pl.LazyFrame) -> pl.LazyFrame:
    """The clicks of visitors on LINKS or more links within LINKS_SECONDS: all in those seconds, the first as the last.

    `clicks`: CLICKS rows, in any order; those that a request rule takes for a bot's do not count.
    """
    known = clicks.drop_nulls("visitor").filter(~is_bots_request())
    ordered = known.sort("visitor", "at")
    seconds = f"{LINKS_SECONDS}s"
    is_close = pl.col("at") - pl.col("at").shift(LINKS - 1) <= pl.duration(seconds=LINKS_SECONDS)
    busy = ordered.filter(is_close & (pl.col("visitor") == pl.col("visitor").shift(LINKS - 1))).select("visitor")
    theirs = ordered.join(busy, on="visitor", how="semi", maintain_order="left")
    ends = (
        theirs.rolling("at", period=seconds, closed="both", group_by="visitor")
        .agg(links=pl.col("slug").n_unique())
        .filter(pl.col("links") >= LINKS)
        .select("visitor", end="at")
        .unique()
        .sort("end")
    )
    found = theirs.sort("at").join_asof(
        ends,
        left_on="at",
        right_on="end",
        by="visitor",
        strategy="forward",
        tolerance=seconds,
        check_sortedness=False,
    )
    return found.filter(pl.col("end").is_not_null()).drop("end")


BEHAVIOURS: Final[Mapping[str, Callable[[pl.LazyFrame], pl.LazyFrame]]] = {
    "behaviour:head-then-get": head_then_get,
    "behaviour:many-links": many_links,
}
