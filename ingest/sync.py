"""One run of sync: plan what is new, read it, commit it batch by batch, and say where every line went.

Two syncs that run at once take no lock on the sources or the lake: what keeps them from counting a line twice is the
commit (`clicks/commit.py`).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from polars.exceptions import PanicException

from analytics_core.errors import ClickledgerError, StoreUnavailableError
from analytics_core.settings import Settings
from analytics_core.store.account_lookup import Accounts
from analytics_core.store.clock import Clock
from analytics_core.store.commit_time import Stamps, stamps_of
from analytics_core.store.database import Database
from analytics_core.store.driver_errors import answering
from analytics_core.store.growth import grow
from analytics_core.store.lake import Lake
from ingest.clicks.balance import BatchSummary
from ingest.clicks.buckets import SortedLines, sort_lines
from ingest.clicks.click_rows import ClickRows, load_links
from ingest.clicks.commit import Batch, BuiltBatch, SourceMovedError, build, commit, recover
from ingest.clicks.counted_purposes import load_counted_purposes
from ingest.clicks.known_hosts import KnownHosts
from ingest.clicks.own_rules import load_own_rules
from ingest.clicks.sync_ledger import Ledger
from ingest.clicks.user_agents import user_agents_of
from ingest.compaction import compact_counts
from ingest.pipeline import one_ahead, one_behind, prefetch
from ingest.posts import carry
from ingest.reading.blocks import Block
from ingest.reading.objects import ReadObject, Sorting, UnreadObject
from ingest.rollups.catch_up import CLICKS_AT_A_TIME, catch_up
from ingest.rollups.rebuild import bring_up_to_date, mend
from ingest.sources import Source, SourceHistory, configured_sources
from ingest.sources.listing import Listing
from ingest.sync_result import SyncRecord, SyncResult

_BATCH_OBJECTS: Final = 5_000  # of one batch, about; its commit names each of them

log = structlog.get_logger()


class Progress(Protocol):
    """Who wants to see how far a run is."""

    def plan(self, source: str, size: int) -> None: ...

    def read(self, size: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Sync:
    """Everything that a run needs. Make one per run: it knows the accounts as they were at its start."""

    settings: Settings
    lake: Lake
    database: Database
    ledger: Ledger
    facts: ClickRows
    stamps: Stamps
    progress: Progress
    hosts_version: str

    def run(self, sources: Sequence[Source], *, full: bool = False) -> SyncResult:
        """Reads every source to its end. What cannot be read now, of a source or all of it, is left for the next run.

        Raises StoreUnavailableError when the lake or the database does not answer, and LakeFormatError before anything
        is written when a newer program wrote to the lake.
        """
        with answering():
            return self._run(sources, full=full)

    def _run(self, sources: Sequence[Source], *, full: bool) -> SyncResult:
        configs = [source.config for source in sources]
        grow(self.lake)
        run = self.ledger.begin_run(configs, configured_sources(self.settings), self.stamps.clock())
        carry(self.lake, self.database, self.stamps, self.facts.visitor_secret)
        agents, rules = self.facts.agents, self.settings.segment_rules
        record = SyncRecord()
        record.rollups_mended(bring_up_to_date(self.lake, agents, rules, self.stamps))
        ended: dict[str, bool] = {}
        for source in sources:
            with self._alone(source, record):
                ended |= self._read_to_its_end(source, record, full=full)
        self._catch_up()
        record.rollups_mended(mend(self.lake, agents, rules, self.stamps.clock()))
        compact_counts(self.lake)
        result = record.result()
        self.ledger.end_run(run, self.stamps.clock(), ended, complete=result.complete)
        return result

    @contextmanager
    def _alone(self, source: Source, record: SyncRecord) -> Generator[None]:
        """What is wrong with a source is noted: the others are read all the same. Not so when nothing can be stored."""
        try:
            yield
        except (StoreUnavailableError, OSError):
            raise
        except ClickledgerError as error:
            record.source_failed(f"{error.code}: {error.message}")
        except (Exception, PanicException) as error:  # a defect, ours or a library's
            log.exception("source_failed", source=source.config.url)
            what = f"{type(error).__name__}: {error}"
            record.source_failed(f"internal_error: {source.config.url} could not be read to its end ({what}).")

    def _read_to_its_end(self, source: Source, record: SyncRecord, *, full: bool) -> dict[str, bool]:
        """Reads what is new in one source, planned again as often as another process moves it on.

        When that was all: the source's url, with whether everything in it was listed.
        """
        url = source.config.url
        past = self.ledger.past(url)
        everything = full or source.must_list_all(past)
        while (is_complete := self._read_source(source, past, record, full=full, everything=everything)) is None:
            log.info("source_moved", source=url)
        if self.ledger.is_misread(url):
            record.source_misread(url)
            is_complete = False
        if not is_complete:
            record.source_incomplete()
        return {url: everything} if is_complete else {}

    def _read_source(
        self, source: Source, past: SourceHistory, record: SyncRecord, *, full: bool, everything: bool
    ) -> bool | None:
        """Whether every object could be read; None when another process moved the source on."""
        url = source.config.url
        committed = recover(url, self.lake, self.ledger)
        listing = Listing(source, past, everything=everything)
        unread = self.ledger.unread(source, listing, self.hosts_version, full=full)
        for place, reason in listing.unlisted.items():
            record.place_unlisted(place, reason)
        if everything:  # otherwise the source may only have been quiet
            if listing.foreign:
                record.source_foreign(url, listing.foreign)
            elif not (unread or listing.unlisted or self.ledger.knows(url)):
                record.source_empty(url)
        failed = record.failed_objects
        self.progress.plan(url, sum(item.size for item, _ in unread))
        try:
            with (
                one_behind() as begin,
                closing(one_ahead(self._build, self._batches(source, unread, record))) as batches,
            ):
                clicks = 0  # that the roll-ups lack
                for number, built in enumerate(batches, committed + 1):
                    summary = self._commit(built, url, number)
                    record.batch_committed(summary, built.batch.ended)
                    clicks += summary.identity.clicks
                    if clicks >= CLICKS_AT_A_TIME:  # a long backlog is seen before its end
                        begin(self._catch_up)
                        clicks = 0
        except SourceMovedError:
            return None
        return record.failed_objects == failed and not listing.unlisted

    def _batches(self, source: Source, unread: Sequence[UnreadObject], record: SyncRecord) -> Generator[Batch]:
        batch = Batch()
        with closing(prefetch(source, unread, Sorting(self._sort, self.hosts_version))) as stretches:
            for stretch in stretches:
                if stretch.found is not None:
                    batch.add(stretch.found, stretch.size)
                for read in stretch.objects:
                    self._note(batch, read, record)
                is_large = batch.size >= self.settings.batch_megabytes * 2**20
                if is_large or len(batch.progress) >= _BATCH_OBJECTS:
                    yield batch
                    batch = Batch()
        if batch.progress:
            yield batch

    def _note(self, batch: Batch, read: ReadObject, record: SyncRecord) -> None:
        if read.progress is not None:
            batch.note(read.progress)
        if read.end is not None:
            self.progress.read(read.item.size)
            record.object_finished(read.item, read.end)
            batch.ended += not read.end.failed and read.end.last_line != "left"

    def _sort(self, block: Block) -> SortedLines:
        return sort_lines(block, self.facts.hosts, self.stamps.clock(), trailing_slash=self.settings.trailing_slash)

    def _build(self, batch: Batch) -> BuiltBatch:
        return build(batch, self.facts, self.stamps.clock())

    def _catch_up(self) -> None:
        catch_up(self.lake, self.facts.agents, self.settings.segment_rules, self.stamps)

    def _commit(self, built: BuiltBatch, url: str, number: int) -> BatchSummary:
        summary = commit(built, url, number, lake=self.lake, ledger=self.ledger, stamps=self.stamps)
        log.info(
            "batch_committed", source=url, number=number, lines=summary.identity.lines, clicks=summary.identity.clicks
        )
        return summary


def prepare(settings: Settings, lake: Lake, database: Database, clock: Clock, progress: Progress) -> Sync:
    """A run over the accounts as they are now. Raises SettingsError for a pinned list version that the lake does not
    hold."""
    accounts = Accounts(database)
    secret = settings.visitor_secret
    assert secret is not None  # load_settings fills it or refuses
    hosts = KnownHosts(settings.public_domain.lower(), frozenset(accounts.all_handles()), accounts.hosts())
    facts = ClickRows(
        user_agents_of(lake, settings.list_version),
        load_links(database),
        load_own_rules(database),
        load_counted_purposes(database),
        hosts,
        secret.get_secret_value(),
    )
    return Sync(
        settings, lake, database, Ledger(database), facts, stamps_of(clock, database), progress, hosts.version()
    )
