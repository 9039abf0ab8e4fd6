"""What new facts change in the roll-ups: the clicks that they bring, and the segments that they move.

A click that comes late, or a conversion that does, can change what its visitor was at clicks that were counted before:
those are counted again, and their old counts are taken back.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from deltalake import DeltaTable

from analytics_core.model import PENDING, SegmentRules
from analytics_core.store.lake import Lake, files_of
from analytics_core.store.lake_tables import ATTRIBUTIONS, CLICK_COUNTS, CLICKS
from analytics_core.store.request_rules import is_bots_request
from ingest.rollups.attribution_rows import (
    CTX_DAY,
    CTX_DAYS_OFF,
    KNOWN_COLUMNS,
    attribute,
    in_force,
    in_order,
    links_of,
    resegment,
    resolve,
)
from ingest.rollups.click_counts import count_clicks, count_cube, judge
from ingest.rollups.visitor_segments import CLICK_KEYS, PAST_COLUMNS, SEGMENT_COLUMNS, UNKNOWN, History

_NO_SEGMENTS = pl.DataFrame(schema=SEGMENT_COLUMNS)


@dataclass(frozen=True, slots=True)
class NewFacts:
    """Facts that the roll-ups lack: judged clicks, and EVENT_COLUMNS rows. `table`: all clicks, up to these."""

    clicks: pl.DataFrame
    events: pl.DataFrame
    table: DeltaTable


@dataclass(frozen=True, slots=True)
class RollupDelta:
    """Rows to append: CLICK_COUNTS and ATTRIBUTIONS."""

    counts: pl.DataFrame
    attributions: pl.DataFrame


@dataclass(frozen=True, slots=True)
class RollupsSoFar:
    """What the roll-ups and the facts before the new ones say."""

    lake: Lake
    verdicts: pl.LazyFrame
    attributions: DeltaTable
    rules: SegmentRules

    def delta(self, facts: NewFacts) -> RollupDelta:
        """Counts come out the same whether the attributions hold the new facts or not; a crash may lie between."""
        named = named_clicks(self.lake, facts.table, self.verdicts, facts.events)
        pending = in_force(self._held().filter(pl.col("country") == PENDING))
        new_links = self._new_links(facts, named, pending)
        first = pl.concat([people(facts.clicks).select("visitor", "at"), new_links.select("visitor", "at")])
        first = first.group_by("visitor").agg(first=pl.col("at").min())
        links = pl.concat([new_links, self._links_of("visitor", first["visitor"])]).unique("event_id")
        later = self._later(facts, first)
        wanted = pl.concat([people(facts.clicks), later, people(named)])
        after = History(self.lake, facts.table, links, self.rules).segments(wanted)
        moved = self._moved(facts, links, later, after)
        return RollupDelta(
            counts=_counts(facts.clicks, after, moved),
            attributions=in_order(
                pl.concat(
                    [
                        attribute(facts.events, known(named), after),
                        resolve(pending, _named_in(facts.clicks, pending), after),
                        self._resegmented(facts, moved),
                    ]
                )
            ),
        )

    def _held(self) -> pl.LazyFrame:
        return self.lake.scan(self.attributions, ATTRIBUTIONS)

    def _links_of(self, column: str, values: pl.Series) -> pl.DataFrame:
        return links_of(self._held().join(values.to_frame(column).lazy(), on=column, how="semi"))

    def _new_links(self, facts: NewFacts, named: pl.DataFrame, pending: pl.DataFrame) -> pl.DataFrame:
        """Who is known by these facts to have converted or shown intent, and when."""
        return pl.concat(
            [
                links_of(attribute(facts.events, known(named), _NO_SEGMENTS).lazy()),
                links_of(resolve(pending, _named_in(facts.clicks, pending), _NO_SEGMENTS).lazy()),
                self._links_of("click_event_id", facts.clicks["event_id"]),
            ]
        ).unique("event_id")

    def _later(self, facts: NewFacts, first: pl.DataFrame) -> pl.DataFrame:
        """PAST_COLUMNS of clicks counted before, of visitors of whom something new is known from before them."""
        if first.is_empty():
            return pl.DataFrame(schema=PAST_COLUMNS)
        start = first.select(pl.col("first").min()).item()
        files = files_of(facts.table, [("day", ">=", start.date().isoformat())])
        return (
            self.lake.scan(facts.table, CLICKS, files)
            .filter(~is_bots_request())
            .select(list(PAST_COLUMNS))
            .join(first.lazy(), on="visitor", how="inner")
            .filter(pl.col("at") > pl.col("first"))
            .drop("first")
            .join(facts.clicks.lazy(), on=["event_id", "at"], how="anti")
            .collect(engine="streaming")
        )

    def _moved(self, facts: NewFacts, links: pl.DataFrame, later: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
        """Judged clicks counted before whose segment is another now: `segment`, and `segment_before`."""
        is_new = pl.col("event_id").is_in(facts.events["event_id"].implode()) | pl.col("click_event_id").is_in(
            facts.clicks["event_id"].implode()
        )
        history = History(self.lake, facts.table, links.filter(~is_new), self.rules)
        before = history.segments(later, without=facts.clicks)
        segments = after.join(before, on=CLICK_KEYS, suffix="_before").filter(
            pl.col("segment") != pl.col("segment_before")
        )
        days = later.join(segments, on=CLICK_KEYS, how="semi").select(pl.col("at").dt.date().unique())["at"]
        files = files_of(facts.table, _on_days(days)) if days.len() else []
        rows = self.lake.scan(facts.table, CLICKS, files).join(segments.lazy(), on=CLICK_KEYS)
        return judge(rows, self.verdicts).collect(engine="streaming")

    def _resegmented(self, facts: NewFacts, moved: pl.DataFrame) -> pl.DataFrame:
        ids = moved.lazy().select(click_event_id="event_id").unique()
        rows = in_force(self._held().join(ids, on="click_event_id", how="semi"))
        learnt = pl.concat([facts.clicks["learnt_at"], facts.events["learnt_at"]])
        return resegment(rows, moved, learnt)


def people(judged: pl.DataFrame) -> pl.DataFrame:
    """PAST_COLUMNS of the clicks that have a visitor's identity."""
    return judged.filter(pl.col("bot_rule").is_null() & pl.col("visitor").is_not_null()).select(list(PAST_COLUMNS))


def known(judged: pl.DataFrame) -> pl.DataFrame:
    """KNOWN_COLUMNS of judged clicks."""
    visitor = pl.when(pl.col("bot_rule").is_null()).then("visitor")
    return judged.with_columns(visitor=visitor).select(list(KNOWN_COLUMNS))


def _named_in(judged: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    return known(judged.join(events, left_on=["handle", "event_id"], right_on=["handle", "click_event_id"], how="semi"))


def named_clicks(lake: Lake, table: DeltaTable, verdicts: pl.LazyFrame, events: pl.DataFrame) -> pl.DataFrame:
    """The judged clicks that have the request ids of events, on the days on which these can name them."""
    names = events.lazy().select("handle", event_id="click_event_id").drop_nulls().unique()
    days = events.select(pl.concat([CTX_DAY.dt.offset_by(f"{off}d") for off in CTX_DAYS_OFF])).to_series().drop_nulls()
    files = files_of(table, _on_days(days.unique())) if days.len() else []
    return judge(lake.scan(table, CLICKS, files).join(names, on=["handle", "event_id"], how="semi"), verdicts).collect(
        engine="streaming"
    )


def _on_days(days: pl.Series) -> list[tuple[str, str, list[str]]]:
    return [("day", "in", [day.isoformat() for day in days.to_list()])]


def segmented(judged: pl.DataFrame, segments: pl.DataFrame) -> pl.LazyFrame:
    """Adds `segment` to judged clicks; those without a visitor's identity are unknown."""
    visitor = pl.when(pl.col("bot_rule").is_null()).then("visitor")
    found = judged.select("at", "event_id", visitor=visitor).join(
        segments, on=CLICK_KEYS, how="left", maintain_order="left"
    )
    return judged.lazy().with_columns(found["segment"].fill_null(UNKNOWN))


def _counts(clicks: pl.DataFrame, after: pl.DataFrame, moved: pl.DataFrame) -> pl.DataFrame:
    counts = count_clicks(segmented(clicks, after))
    if moved.is_empty():
        return counts
    back = count_cube(moved.lazy().with_columns(segment="segment_before")).with_columns(
        -pl.col("clicks"), -pl.col("bot_clicks")
    )
    return (
        pl.concat([counts, count_cube(moved.lazy()), back])
        .sort("grain", "month", "handle", "slot")
        .select(list(CLICK_COUNTS.columns))
    )
