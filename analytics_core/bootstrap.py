"""Puts the parts together: settings in, an Application out. Nothing else knows which engine answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from analytics_core.access.download_slots import DownloadSlots
from analytics_core.access.failed_sign_ins import FailedSignIns
from analytics_core.access.personal_tokens import PersonalTokens
from analytics_core.access.policy import Policy
from analytics_core.access.rate_limits import RateLimits
from analytics_core.checked_settings import read_settings
from analytics_core.engines.duckdb import DuckDBEngine
from analytics_core.service import Analytics
from analytics_core.settings import Settings
from analytics_core.store.account_lookup import Accounts
from analytics_core.store.audit_events import Audit
from analytics_core.store.clock import Clock, clock_of
from analytics_core.store.database import Database
from analytics_core.store.file_cache import FileCache
from analytics_core.store.group_commit import GroupCommit
from analytics_core.store.horizon import Horizon
from analytics_core.store.lake import Lake
from analytics_core.store.links import Links
from analytics_core.store.outcomes import Outcomes
from analytics_core.store.syncs import Syncs
from analytics_core.tracking.conversion_posts import Conversions
from analytics_core.tracking.handle_hosts import HostLookup
from analytics_core.tracking.redirect_log import RedirectLog
from analytics_core.tracking.signal_posts import Signals


@dataclass(frozen=True, slots=True)
class Application:
    """The parts that API and screens work with. One for a process."""

    settings: Settings
    lake: Lake
    database: Database
    accounts: Accounts
    policy: Policy
    analytics: Analytics
    writer: GroupCommit
    conversions: Conversions
    signals: Signals
    links: Links
    hosts: HostLookup
    redirect_log: RedirectLog
    personal_tokens: PersonalTokens
    audit: Audit
    outcomes: Outcomes
    rates: RateLimits
    sign_ins: FailedSignIns
    download_slots: DownloadSlots
    clock: Clock

    def start(self) -> None:
        """Before the first request: tidies up after processes that died."""
        self.redirect_log.collect()

    def stop(self) -> None:
        """After the last request: what waits is written, and files are closed."""
        self.writer.close()
        self.redirect_log.close()


def build(settings: Settings, *, clock: Clock | None = None) -> Application:
    """Opens lake, database and engine; without a `clock`, the database's counts. Raises StoreUnavailableError when one
    of them does not answer."""
    lake = Lake(settings.lake_url)
    database = Database(settings.database)
    clock = clock or clock_of(database)
    accounts = Accounts(database)
    policy = Policy(accounts)
    file_cache = (
        FileCache(settings.state / "lake-files", settings.file_cache_megabytes * 1_048_576) if lake.is_remote else None
    )
    engine = DuckDBEngine(
        memory_megabytes=settings.query_memory_megabytes, seconds=settings.query_seconds, file_cache=file_cache
    )
    outcomes = Outcomes(database)
    analytics = Analytics(
        lake=lake,
        engine=engine,
        policy=policy,
        syncs=Syncs(database),
        outcomes=outcomes,
        horizon=Horizon(database),
        sla_minutes=settings.sla_minutes,
        ctx_ttl=settings.ctx_ttl,
        segment_rules=settings.segment_rules,
        clock=clock,
    )
    writer, links = GroupCommit(database), Links(database)
    rates, audit = RateLimits(settings.rate_limit_url), Audit(database)
    return Application(
        settings=settings,
        lake=lake,
        database=database,
        accounts=accounts,
        policy=policy,
        analytics=analytics,
        writer=writer,
        conversions=Conversions(writer, settings.ctx_keys),
        signals=Signals(writer, settings.ctx_keys),
        links=links,
        hosts=HostLookup(links, settings.public_domain),
        redirect_log=RedirectLog(settings.redirect_log_folder),
        personal_tokens=PersonalTokens(settings, database, policy),
        audit=audit,
        outcomes=outcomes,
        rates=rates,
        sign_ins=FailedSignIns(audit, accounts, rates),
        download_slots=DownloadSlots(settings.downloads),
        clock=clock,
    )


@cache
def shared() -> Application:
    """The one application of this process, built on first use: dashboard and API answer from the same engine."""
    return build(read_settings())
