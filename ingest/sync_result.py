"""What a run of sync did: noted as it happens, so that what was done before a failure is told too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.clicks.balance import BatchSummary, Identity
from ingest.reading.objects import ObjectEnd
from ingest.rollups.completeness import Misfit
from ingest.sources import SourceObject


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a run did, and what a person should look at."""

    batches: int
    objects: int  # that were read to their end
    identity: Identity  # where every line went
    complete: bool  # every source was read to its end
    failed: int  # objects that could not be read this time
    refused: Mapping[str, str]  # keys of objects that are no logs as configured, and why
    misread: Sequence[str]  # sources whose newest objects were all refused
    empty: Sequence[str]  # sources that hold nothing, and never did
    foreign: Mapping[str, int]  # sources in which no object is of their distribution, and how many others there are
    waiting: int  # files of which the last line was left, since it may still be written
    misfits: Sequence[Misfit]  # roll-ups that did not fit the facts, and were derived anew
    unlisted: Mapping[str, str]  # places that could not be looked at this time, and why
    errors: Sequence[str]  # sentences about sources that could not be read to their end, whatever is in them


class SyncRecord:
    """Takes note of what happens in a run. `result` is what was noted until then."""

    def __init__(self) -> None:
        self._batches = self._objects = self._failed = self._waiting = 0
        self._identity = Identity()
        self._complete = True
        self._refused: dict[str, str] = {}
        self._misread: list[str] = []
        self._empty: list[str] = []
        self._foreign: dict[str, int] = {}
        self._misfits: list[Misfit] = []
        self._unlisted: dict[str, str] = {}
        self._errors: list[str] = []

    def batch_committed(self, summary: BatchSummary, objects: int) -> None:
        """`objects`: how many were read to their end with the batch."""
        self._batches += 1
        self._objects += objects
        self._identity += summary.identity

    def object_finished(self, item: SourceObject, end: ObjectEnd) -> None:
        self._failed += end.failed
        self._waiting += end.last_line == "left"
        if end.refused is not None:
            self._refused[item.key] = end.refused

    @property
    def failed_objects(self) -> int:
        return self._failed

    def place_unlisted(self, place: str, reason: str) -> None:
        self._unlisted[place] = reason

    def source_empty(self, url: str) -> None:
        self._empty.append(url)

    def source_foreign(self, url: str, objects: int) -> None:
        self._foreign[url] = objects

    def source_misread(self, url: str) -> None:
        self._misread.append(url)

    def source_incomplete(self) -> None:
        self._complete = False

    def source_failed(self, sentence: str) -> None:
        self._errors.append(sentence)
        self._complete = False

    def rollups_mended(self, misfits: Sequence[Misfit]) -> None:
        self._misfits += misfits

    def result(self) -> SyncResult:
        return SyncResult(
            batches=self._batches,
            objects=self._objects,
            identity=self._identity,
            complete=self._complete,
            failed=self._failed,
            refused=dict(self._refused),
            misread=tuple(self._misread),
            empty=tuple(self._empty),
            foreign=dict(self._foreign),
            waiting=self._waiting,
            misfits=tuple(self._misfits),
            unlisted=dict(self._unlisted),
            errors=tuple(self._errors),
        )
