"""Single clicks from the facts, judged as roll-ups judge them: bot or not, the agent's words, the segment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from analytics_core.dimensions import CUBE, DETAILS, OF_BOTS, OF_PEOPLE
from analytics_core.engines.engine import Scan
from analytics_core.model import SegmentRules
from analytics_core.query.conditions import Bound
from analytics_core.slots import SLOTS_PER_DAY, SlotRange, slot_sql, slot_time
from analytics_core.store.bot_clicks import is_bot_click_sql
from analytics_core.store.fact_files import FactFiles, HistoryFiles
from analytics_core.store.lake_tables import ATTRIBUTIONS, CLICKS, VERDICTS
from analytics_core.store.request_rules import bot_purpose_sql, bot_rule_sql

_OF_CLICKS: Final = ", ".join(f"click.{one.column}" for one in (*CUBE, *DETAILS) if one.origin in ("log", "link"))
_MICROSECONDS_A_DAY: Final = 86_400_000_000


def single_clicks(handle: str, covered: SlotRange, as_of: datetime | None, files: FactFiles, bound: Bound) -> str:
    """Single clicks in the columns of the roll-ups. `segment` is null unless the files hold the visitors' history."""
    rule = _rule()
    of_agents = ", ".join(
        f"CASE WHEN {rule} IS NULL THEN verdict.{name} ELSE '{of_bots}' END AS {name}"
        for name, of_bots in OF_BOTS.items()
    ) + "".join(f", {_purpose(name)} AS {name}" for name in OF_PEOPLE)
    is_bot = is_bot_click_sql("click", rule, _purpose("bot_purpose"))
    sql = (
        f"SELECT {slot_sql('click.at')} AS slot, {_OF_CLICKS}, click.at, click.event_id, "
        f"click.status, {rule} AS bot_rule, {of_agents}, "
        f"1 AS clicks, CASE WHEN {is_bot} THEN 1 ELSE 0 END AS bot_clicks "
        f"FROM {_click_of('clicks')} WHERE click.handle = {bound(handle)} "
        f"AND click.at >= {bound(slot_time(covered.start))} "
        f"AND click.at < {bound(slot_time(covered.end))}{_learnt('click.', as_of, bound)}"
    )
    if files.history is None:
        return f"SELECT *, CAST(NULL AS VARCHAR) AS segment FROM ({sql}) AS plain"
    segments = _segments(handle, covered, as_of, files.history.rules, bound)
    return (
        "SELECT plain.*, coalesce(segments.segment, 'unknown') AS segment "
        f"FROM ({sql}) AS plain LEFT JOIN ({segments}) AS segments "
        "ON segments.event_id = plain.event_id AND segments.moment = epoch_us(plain.at)"
    )


def fact_scans(files: FactFiles) -> Mapping[str, Scan]:
    scans = {"clicks": Scan(CLICKS, files.clicks), "verdicts": Scan(VERDICTS, files.verdicts)}
    if files.history is None:
        return scans
    history: HistoryFiles = files.history
    return scans | {"past": Scan(CLICKS, history.clicks), "links": Scan(ATTRIBUTIONS, history.attributions)}


def _segments(handle: str, covered: SlotRange, as_of: datetime | None, rules: SegmentRules, bound: Bound) -> str:
    """event_id, moment (microseconds) and segment of every click with a visitor.

    Only what happened strictly before a click counts, however late it was learnt; the clicks of bots are nobody's.
    `ingest/rollups/visitor_segments.py` has the same rules for the roll-ups, in Polars. Each is compared with plain
    Python: this one in `tests/contract/test_oracle.py`, that one in `tests/ingest/test_attribution.py`.
    """
    click_days = max(rules.returning_days, rules.engaged_days)
    link_days = max(rules.vip_days, rules.customer_days, rules.engaged_days)
    people = (
        "SELECT click.visitor, epoch_us(click.at) AS moment, click.event_id, 1 AS click, 0 AS conversion, 0 AS intent "
        f"FROM {_click_of('past')} WHERE click.handle = {bound(handle)} "
        f"AND click.at >= {bound(slot_time(covered.start) - timedelta(days=click_days))} "
        f"AND click.at < {bound(slot_time(covered.end))}{_learnt('click.', as_of, bound)} "
        f"AND click.visitor IS NOT NULL AND {_rule()} IS NULL"
    )
    # What took a row back, and what moved it to another segment, says nothing new of who did what when.
    links = (
        "SELECT any_value(visitor) AS visitor, epoch_us(any_value(link.at)) AS moment, "
        "CAST(NULL AS BIGINT) AS event_id, 0 AS click, max(conversions) AS conversion, "
        f"CASE WHEN max(impressions) = 1 AND any_value(confidence) >= {bound(rules.engaged_confidence)} "
        f"THEN 1 ELSE 0 END AS intent FROM {{links}} AS link WHERE link.handle = {bound(handle)} "
        f"AND slot >= {bound(covered.start - link_days * SLOTS_PER_DAY)} AND slot < {bound(covered.end)}"
        f"{_learnt('', as_of, bound)} AND visitor IS NOT NULL AND conversions + impressions > 0 GROUP BY link.event_id"
    )
    counts = ", ".join(
        f"sum({kind}) OVER (PARTITION BY visitor ORDER BY moment RANGE BETWEEN "
        f"{days * _MICROSECONDS_A_DAY} PRECEDING AND 1 PRECEDING) AS {name}"
        for name, kind, days in (
            ("vip", "conversion", rules.vip_days),
            ("customer", "conversion", rules.customer_days),
            ("intents", "intent", rules.engaged_days),
            ("engaged", "click", rules.engaged_days),
            ("returning_clicks", "click", rules.returning_days),
        )
    )
    return (
        f"SELECT event_id, moment, CASE WHEN vip >= {bound(rules.vip_conversions)} THEN 'vip' "
        "WHEN customer >= 1 THEN 'customer' "
        f"WHEN intents >= 1 OR engaged >= {bound(rules.engaged_clicks)} THEN 'engaged_prospect' "
        "WHEN returning_clicks >= 1 THEN 'returning' ELSE 'new' END AS segment "
        f"FROM (SELECT event_id, moment, click, {counts} FROM ({people} UNION ALL {links}) AS history) AS counted "
        "WHERE click = 1"
    )


def _click_of(scan: str) -> str:
    return f"{{{scan}}} AS click LEFT JOIN {{verdicts}} AS verdict ON verdict.user_agent_id = click.user_agent_id"


def _rule() -> str:
    return bot_rule_sql("click", "verdict.bot_rule")


def _purpose(column: str) -> str:
    return bot_purpose_sql("click", "verdict.bot_rule", f"verdict.{column}")


def _learnt(prefix: str, as_of: datetime | None, bound: Bound) -> str:
    return "" if as_of is None else f" AND {prefix}learnt_at <= {bound(as_of)}"
