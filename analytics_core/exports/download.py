"""One export while it is made: bytes come out as rows come in, and its manifest is kept at both ends."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Final

import orjson
import structlog

from analytics_core.access.actors import Actor
from analytics_core.bootstrap import Application
from analytics_core.engines.engine import StreamCancelledError
from analytics_core.errors import ClickledgerError
from analytics_core.exports.file_formats import FORMATS_OF_DELIVERIES, Format, format_named
from analytics_core.exports.manifest import Manifest, describe, keep_begun, keep_ended
from analytics_core.model import Query
from analytics_core.query.catalog import DEFINITIONS_VERSION
from analytics_core.query.export_rows import Export
from analytics_core.store.database import Database
from analytics_core.zones import RELEASE

_NOT_FETCHED: Final = "not_fetched: The client did not fetch it to its end."

log = structlog.get_logger()


class Download:
    """Bytes of a file, made when they are asked for. To be closed, whether it was read to its end or not.

    `manifest` changes once, when the last byte or an error comes. `rows` counts those that were given so far.
    """

    def __init__(
        self, *, manifest: Manifest, rows: Export, made_by: Format, database: Database, on_close: Callable[[], None]
    ) -> None:
        self.manifest = manifest
        self.filename = filename(rows.query, made_by.name)
        self.media_type = made_by.media_type
        self.rows = 0
        self.problem: ClickledgerError | None = None  # what broke it off; None also where the client left
        self._export = rows
        self._format = made_by
        self._database = database
        self._on_close = on_close
        self._lock = threading.Lock()
        self._is_closed = False
        self._pieces = self._told()

    def pieces(self) -> Iterator[bytes]:
        """The bytes, once. Raises what reading an Export raises; StoreUnavailableError also when the manifest cannot be
        kept, and then the last bytes do not come."""
        return self._pieces

    def cancel(self) -> None:
        """Ends the work of a thread that reads `pieces`. To be repeated until it has ended."""
        self._export.cancellation.cancel()

    def close(self) -> None:
        """Gives back what it holds. No thread may be reading `pieces` any more."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        self.cancel()
        self._pieces.close()
        self._export.frames.close()
        self._end(reason=_NOT_FETCHED)  # also where nobody read a byte
        self._on_close()

    def _told(self) -> Generator[bytes]:
        try:
            yield from self._made()
        except ClickledgerError as error:
            self.problem = error
            self._end(reason=f"{error.code}: {error.message}")
            raise
        except (StreamCancelledError, GeneratorExit):
            self._end(reason=_NOT_FETCHED)
            raise
        except BaseException:
            self.problem = ClickledgerError("Something went wrong on our side; nothing was lost.")
            self._end(reason=f"{self.problem.code}: {self.problem.message}")
            raise

    def _made(self) -> Iterator[bytes]:
        form, digest = self._format, hashlib.sha256()
        if form.head:
            yield form.head
        for piece in form.pieces(self._export):
            digest.update(piece.content)
            self.rows += piece.rows
            yield piece.content
        complete = replace(self.manifest, rows=self.rows, sha256=digest.hexdigest())
        keep_ended(self._database, complete)  # before the last bytes: who has them finds the hash
        self.manifest = complete
        if form.before_manifest:
            yield form.before_manifest + orjson.dumps(complete.to_json()) + form.tail

    def _end(self, reason: str) -> None:
        if self.manifest.status != "running":
            return
        self.manifest = replace(self.manifest, reason=reason)
        log.warning("export_not_finished", export_id=self.manifest.id, rows=self.rows, reason=reason)
        try:
            keep_ended(self._database, self.manifest)
        except ClickledgerError:  # it stays `running`, and is told as failed when its time is over
            log.exception("manifest_not_kept", export_id=self.manifest.id)


def begin(application: Application, query: Query, actor: Actor, format_name: str, request_id: str = "") -> Download:
    """A file for an actor who may export.

    Raises InvalidFormatError, RateLimitedError while the process makes as many as it may, and what
    Analytics.export_rows raises: what goes wrong at once is raised here.
    """
    chosen = FORMATS_OF_DELIVERIES.get(format_name) or format_named(format_name)
    give_back = application.download_slots.take(query.handle)
    try:
        rows = application.analytics.export_rows(query, actor)
        manifest = Manifest(
            id=uuid.uuid4().hex,
            handle=query.handle,
            created_at=application.clock(),
            created_by=actor.user_id,
            format=chosen.name,
            query=describe(replace(query, as_of=rows.as_of)),
            data_version=rows.data_version,
            definitions_version=DEFINITIONS_VERSION,
            timezone_release=RELEASE,
        )
        try:
            keep_begun(application.database, manifest, actor, request_id)
        except BaseException:
            rows.frames.close()
            raise
    except BaseException:
        give_back()
        raise
    return Download(manifest=manifest, rows=rows, made_by=chosen, database=application.database, on_close=give_back)


def filename(query: Query, format_name: str) -> str:
    """`acme-country-20260201-20260228.csv`."""
    period = query.period
    rows = "conversions" if query.events == "conversions" else query.key_name
    return f"{query.handle}-{rows}-{period.from_day:%Y%m%d}-{period.to_day:%Y%m%d}.{format_name}"
