"""One look into a source: its own objects, and what was met there beside them."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.sources.log_source import Source, SourceHistory, SourceObject, UnlistedPlace, shown, why_unstorable


class Listing:
    """The objects that belong to a source, one by one. What else was met is known once they were all given."""

    def __init__(self, source: Source, past: SourceHistory, *, everything: bool) -> None:
        self._source = source
        self._past = past
        self._everything = everything
        self._own = self._others = 0
        self.unlisted: dict[str, str] = {}  # places that could not be looked at or named, and why

    def __iter__(self) -> Iterator[SourceObject]:
        for item in self._source.objects(self._past, everything=self._everything):
            if isinstance(item, UnlistedPlace):
                self.unlisted[shown(item.place)] = item.reason
            elif (reason := why_unstorable(item.key)) is not None:
                self.unlisted[shown(item.key)] = reason
            elif self._source.config.holds(item):
                self._own += 1
                yield item
            else:
                self._others += 1

    @property
    def foreign(self) -> int:
        """How many objects there are when none of them is of the source's distribution; else 0."""
        return 0 if self._own else self._others
