"""Candidates to facts: what a click row says, from its log line, its link and its user agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import polars as pl
import polars_hash as plh
from sqlalchemy import case, select

from analytics_core.store import tables
from analytics_core.store.database import Database
from analytics_core.store.lake_tables import CLICKS, UTC_MICROSECONDS
from analytics_core.store.request_rules import NO_VALUE
from ingest.classify import classify_addresses, classify_queries, classify_referrers, utm_of_destinations
from ingest.classify.asns import ASN_COLUMNS, asns
from ingest.classify.link_queries import ABSENT, UTM_COLUMNS
from ingest.classify.networks import NETWORK_COLUMNS, claims, public_addresses
from ingest.clicks.buckets import CANDIDATE_COLUMNS
from ingest.clicks.counted_purposes import CountedPurposes
from ingest.clicks.keyed_hashes import keyed_hash
from ingest.clicks.known_hosts import KnownHosts
from ingest.clicks.own_rules import OwnRules
from ingest.clicks.user_agents import UserAgents, stable_hash

OF_COMMITS: Final = ("source", "batch", "learnt_at")  # columns that are known when a row is committed

_OF_DESTINATIONS: Final = {name: f"destination_{name}" for name in UTM_COLUMNS}
OF_LINKS: Final = ("campaign_id", *_OF_DESTINATIONS.values())

_PROTOCOLS: Final = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
_LAST_ASN: Final = 2**32 - 1
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Links:
    """Links over time: handle, slug, valid_from, valid_to (null: in force now), and OF_LINKS: what a click takes from
    the link in force. A link's first row begins in 1970.
    """

    versions: pl.DataFrame
    have_changed: bool  # some link has more than one row

    def stamp(self, clicks: pl.DataFrame) -> pl.DataFrame:
        """Adds OF_LINKS of the link in force when each click happened; null without a link, or where it says none."""
        keys = ["handle", "slug"]
        if not self.have_changed:
            stamped = clicks.join(self.versions, on=keys, how="left", maintain_order="left")
        else:
            placed = clicks.with_row_index("place").sort("at")
            found = placed.join_asof(
                self.versions.sort("valid_from"), left_on="at", right_on="valid_from", by=keys, check_sortedness=False
            )
            stamped = found.sort("place").drop("place")
        is_over = (pl.col("at") >= pl.col("valid_to")).fill_null(value=False)
        if stamped.select(is_over.any()).item():
            stamped = stamped.with_columns(pl.when(~is_over).then(name).alias(name) for name in OF_LINKS)
        return stamped.drop("valid_from", "valid_to")


def load_links(database: Database) -> Links:
    link = tables.links
    destination = case((link.c.destination_url.contains("utm_", autoescape=True), link.c.destination_url))
    columns = (link.c.handle, link.c.slug, link.c.valid_from, link.c.valid_to, link.c.campaign_id, destination)
    with database.connect() as connection:
        rows = connection.execute(select(*columns).order_by(link.c.handle, link.c.slug, link.c.valid_from)).all()
    times = {"valid_from": UTC_MICROSECONDS, "valid_to": UTC_MICROSECONDS}
    schema = {"handle": pl.String, "slug": pl.String, **times, "campaign_id": pl.String, "destination": pl.String}
    read = pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
    utm = utm_of_destinations(read["destination"]).rename(_OF_DESTINATIONS)
    versions = pl.concat([read.drop("destination"), utm], how="horizontal")
    is_first = pl.struct("handle", "slug").is_first_distinct()
    begun = pl.when(is_first).then(pl.lit(_BEGINNING, dtype=UTC_MICROSECONDS)).otherwise("valid_from")
    return Links(versions.with_columns(valid_from=begun), have_changed=not versions.select(is_first.all()).item())


@dataclass(frozen=True, slots=True)
class ClickRows:
    """What must be known to turn candidates into facts."""

    agents: UserAgents
    links: Links
    own_rules: OwnRules
    counted_purposes: CountedPurposes
    hosts: KnownHosts
    visitor_secret: str

    def build(self, candidates: Sequence[pl.DataFrame], now: datetime) -> pl.DataFrame:
        """CLICKS rows (without OF_COMMITS), in the candidates' order. Their user agents are in the lake then."""
        together = pl.concat(candidates) if candidates else pl.DataFrame(schema=CANDIDATE_COLUMNS)
        together = together.with_columns(logged_id=stable_hash("user_agent"))
        verdicts = self.agents.judge(together.select("logged_id", "user_agent"), now)
        judged = together.join(
            verdicts.select("logged_id", "user_agent_id", "bot_name").join(claims(), on="bot_name", how="left"),
            on="logged_id",
            how="left",
            maintain_order="left",
        )
        stamped = self.own_rules.stamp(self.counted_purposes.stamp(self.links.stamp(judged)), verdicts)
        told = _with_referrer(_with_query(stamped), self.hosts)
        return (
            _with_asn(_with_claim(_with_network(told)))
            .with_columns(
                event_id=stable_hash("request_id"),
                visitor=_visitor(self.visitor_secret),
                country=_country(),
                method=pl.col("method").str.to_uppercase(),
                protocol=pl.col("protocol").str.to_lowercase().replace_strict(_PROTOCOLS, default=None),
                edge_result=pl.when(pl.col("result_type") != "-").then("result_type"),
            )
            .select(name for name in CLICKS.columns if name not in OF_COMMITS)
        )


def _country() -> pl.Expr:
    code = pl.col("country").str.to_uppercase()
    known = pl.when(code.str.contains("^[A-Z]{2}$")).then(code).otherwise(pl.lit("ZZ"))
    return pl.when(pl.col("country").is_not_null()).then(known)


def _visitor(secret: str) -> pl.Expr:
    """Keyed hash of handle, client address and the user agent's id; null without an address."""
    message = plh.concat_str(["handle", "client_address", pl.col("user_agent_id").fill_null(0)], separator="\n")
    return pl.when(_has_address()).then(keyed_hash(message, secret))


def _has_address() -> pl.Expr:
    return pl.col("client_address").is_not_null() & (pl.col("client_address") != "-")


def _with_network(clicks: pl.DataFrame) -> pl.DataFrame:
    """Adds NETWORK_COLUMNS: NO_VALUE where the address lies in no published range, null without an address."""
    found = classify_addresses(clicks["client_address"])
    return clicks.join(found, on="client_address", how="left", maintain_order="left").with_columns(
        pl.when(_has_address()).then(pl.col(name).fill_null(NO_VALUE)).alias(name) for name in NETWORK_COLUMNS
    )


def _with_claim(clicks: pl.DataFrame) -> pl.DataFrame:
    """Adds `claimed`: the crawler that the agent names, where its operator's ranges lack the address; else NO_VALUE.
    Null without an address."""
    is_elsewhere = (pl.col("network") != pl.col("claimed_operator")).fill_null(value=False)
    public = public_addresses(clicks.filter(is_elsewhere)["client_address"])
    is_false = is_elsewhere & pl.col("client_address").is_in(public.implode())
    claimed = pl.when(is_false).then("claim").otherwise(pl.lit(NO_VALUE))
    return clicks.with_columns(claimed=pl.when(_has_address()).then(claimed))


def _with_asn(clicks: pl.DataFrame) -> pl.DataFrame:
    """Adds ASN_COLUMNS: NO_VALUE where the list has no such autonomous system, null where the log says none, or what
    is no number of one: such an `asn` is null too."""
    number = pl.col("asn").cast(pl.Int64, strict=False)
    numbered = clicks.with_columns(asn=pl.when(number.is_between(1, _LAST_ASN)).then(number))
    return numbered.join(asns(), on="asn", how="left", maintain_order="left").with_columns(
        pl.when(pl.col("asn").is_not_null()).then(pl.col(name).fill_null(NO_VALUE)).alias(name) for name in ASN_COLUMNS
    )


def _with_query(clicks: pl.DataFrame) -> pl.DataFrame:
    """Adds `trigger` and UTM_COLUMNS: what the short link's query says, else that of its destination. Null without a
    query in the log: what it said is not known then."""
    is_logged = pl.col("query").is_not_null()
    said = classify_queries(clicks["query"].drop_nulls().unique())
    joined = clicks.join(said, on="query", how="left", maintain_order="left")
    return joined.with_columns(
        pl.when(is_logged).then(pl.coalesce(name, theirs, pl.lit(ABSENT))).alias(name)
        for name, theirs in _OF_DESTINATIONS.items()
    )


def _with_referrer(clicks: pl.DataFrame, hosts: KnownHosts) -> pl.DataFrame:
    """Referring host and domain; a handle's own hosts are `direct`, and only those: `www.` makes another host.
    `referrer_sent_host` is the host in any case."""
    seen = classify_referrers(clicks["referrer"].drop_nulls().unique())
    names: list[str] = seen["sent_host"].drop_nulls().unique().to_list()
    owners: Mapping[str, str | None] = {name: hosts.handle(name) for name in names}
    owned = seen.with_columns(owner=pl.col("sent_host").replace_strict(owners, default=None, return_dtype=pl.String))
    joined = clicks.rename({"referrer": "referrer_raw"}).join(
        owned, on="referrer_raw", how="left", maintain_order="left"
    )
    is_own = (pl.col("owner") == pl.col("handle")).fill_null(value=False)
    return joined.with_columns(
        referrer=pl.when(is_own).then(pl.lit("direct")).otherwise("referrer"),
        referrer_host=pl.when(~is_own).then("referrer_host"),
        referrer_sent_host=pl.when(pl.col("referrer_raw").is_not_null()).then(pl.col("sent_host").fill_null("")),
    )
