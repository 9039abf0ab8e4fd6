"""The files below a folder, or that a glob matches, each once however many paths lead to it; and what cannot be seen.

Names that begin with a dot are hidden, of files and of folders alike: only a part of a glob that begins with a dot
matches them. Links are followed after everything else, so that a file is called by its path without a link where it
has one, and a folder that was walked already is not walked again.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import Final

from ingest.sources.log_source import UnlistedPlace, why_unstorable

Found = tuple[str, os.stat_result]  # a regular file: its path, and what the system says of it

_ANY_DEPTH: Final = "**"
_EVERYTHING: Final = (_ANY_DEPTH, "*")
_TRIES: Final = 3  # to list a folder whose files are renamed meanwhile

_Pattern = tuple[str, ...]  # of names below a folder: one a level, or _ANY_DEPTH
_Patterns = frozenset[_Pattern]


def files_below(folder: str) -> Iterator[Found | UnlistedPlace]:
    """Every file below a folder."""
    return _Walk().files(folder, frozenset([_EVERYTHING]))


def literal_folder(pattern: str) -> str:
    """The folder in which everything lies that a glob can match."""
    folder, _ = _split(pattern)
    return folder


def files_matching(pattern: str) -> Iterator[Found | UnlistedPlace]:
    """Every file that a glob with an absolute path matches; `**` stands for any number of folders."""
    folder, parts = _split(pattern)
    return _Walk().files(folder, frozenset([parts]))


def _split(pattern: str) -> tuple[str, _Pattern]:
    parts = PurePath(pattern).parts
    literal = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    below = parts[literal:]
    return str(PurePath(*parts[:literal])), (*below, "*") if below[-1] == _ANY_DEPTH else below


@dataclass(frozen=True, slots=True)
class _Folder:
    path: str
    patterns: _Patterns


@dataclass(frozen=True, slots=True)
class _Link:
    path: str
    is_wanted: bool  # as a file
    patterns: _Patterns  # of what is wanted below it, if it leads to a folder


class _ChangedError(Exception):
    """A file was renamed while its folder was listed: by its new name it may not be on the list."""


class _Walk:
    """One walk, which knows where it has been."""

    def __init__(self) -> None:
        self._walked: set[tuple[int, int, _Patterns]] = set()
        self._found: set[tuple[int, int]] = set()
        self._links: deque[_Link] = deque()

    def files(self, folder: str, patterns: _Patterns) -> Iterator[Found | UnlistedPlace]:
        yield from self._below(_Folder(folder, patterns), by_link=False)
        while self._links:
            yield from self._follow(self._links.popleft())

    def _below(self, start: _Folder, *, by_link: bool) -> Iterator[Found | UnlistedPlace]:
        waiting: list[Iterator[Found | UnlistedPlace | _Folder]] = [iter((start,))]
        while waiting:
            match next(waiting[-1], None):
                case None:
                    waiting.pop()
                case _Folder(path, patterns):
                    waiting.append(iter(self._look_into(path, patterns, by_link=by_link)))
                case UnlistedPlace() as unlisted:
                    yield unlisted
                case path, status:
                    if self._is_new(status, by_link=by_link):
                        yield path, status

    def _follow(self, link: _Link) -> Iterator[Found | UnlistedPlace]:
        try:
            status = os.stat(link.path)  # noqa: PTH116  (names are strings here: a Path costs more than the call)
        except FileNotFoundError:
            yield UnlistedPlace(link.path, "it is a link to nothing")
        except OSError as error:
            yield UnlistedPlace(link.path, why(error))
        else:
            if stat.S_ISDIR(status.st_mode):
                match _folder(link.path, link.patterns) if link.patterns else None:
                    case _Folder() as folder:
                        yield from self._below(folder, by_link=True)
                    case UnlistedPlace() as unlisted:
                        yield unlisted
                    case None:
                        return
            elif not link.is_wanted:
                return
            elif not stat.S_ISREG(status.st_mode):
                yield _no_file(link.path)
            elif self._is_new(status, by_link=True):
                yield link.path, status

    def _is_new(self, status: os.stat_result, *, by_link: bool) -> bool:
        """Whether this is the first path to a file. Without a link there is one alone, and not every file system's
        numbers tell files apart."""
        identity = status.st_dev, status.st_ino
        if (by_link or status.st_nlink > 1) and identity in self._found:
            return False
        self._found.add(identity)
        return True

    def _look_into(self, folder: str, patterns: _Patterns, *, by_link: bool) -> list[Found | UnlistedPlace | _Folder]:
        try:
            status = os.stat(folder)  # noqa: PTH116
            place = status.st_dev, status.st_ino, patterns
            if by_link and place in self._walked:
                return []
            self._walked.add(place)
            for _ in range(_TRIES - 1):
                with suppress(_ChangedError):
                    return self._entries(folder, patterns)
            return self._entries(folder, patterns, is_last_try=True)
        except OSError as error:
            return [UnlistedPlace(folder, why(error))]

    def _entries(
        self, folder: str, patterns: _Patterns, *, is_last_try: bool = False
    ) -> list[Found | UnlistedPlace | _Folder]:
        """What is wanted in a folder, in the order of names.

        Raises OSError when it cannot be looked into, and _ChangedError unless it is the last try.
        """
        found: list[Found | UnlistedPlace | _Folder] = []
        links: list[_Link] = []
        wanted = _wanted(patterns)
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
        for entry in listed:
            is_wanted, below = wanted(entry.name)
            if not is_wanted and not below:
                continue
            if entry.is_symlink():
                links.append(_Link(entry.path, is_wanted, below))
            elif entry.is_dir(follow_symlinks=False):
                if below:
                    found.append(_folder(entry.path, below))
            elif is_wanted:
                found.append(_file(entry, is_last_try=is_last_try))
        self._links.extend(links)
        return found


def why(error: OSError) -> str:
    """Why something cannot be looked at, in a few words."""
    if isinstance(error, FileNotFoundError):
        return "it vanished meanwhile"
    return error.strerror or str(error) or type(error).__name__


def _folder(path: str, patterns: _Patterns) -> _Folder | UnlistedPlace:
    """A folder, unless nothing in it could have a name that the ledger holds."""
    reason = why_unstorable(path)
    return _Folder(path, patterns) if reason is None else UnlistedPlace(path, reason)


def _file(entry: os.DirEntry[str], *, is_last_try: bool) -> Found | UnlistedPlace:
    try:
        status = entry.stat(follow_symlinks=False)
    except PermissionError:  # it is the folder that does not permit it
        raise
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not is_last_try:
            raise _ChangedError from None
        return UnlistedPlace(entry.path, why(error))
    return (entry.path, status) if stat.S_ISREG(status.st_mode) else _no_file(entry.path)


def _no_file(path: str) -> UnlistedPlace:
    return UnlistedPlace(path, "it is not a regular file")


def _wanted(patterns: _Patterns) -> Callable[[str], tuple[bool, _Patterns]]:
    """Of a name in a folder: whether a file of this name is wanted, and what is wanted below a folder of this name."""
    here = frozenset(_from_here(patterns))

    @cache
    def by_kind(matching: _Patterns) -> tuple[bool, _Patterns]:
        below = frozenset(one if one[0] == _ANY_DEPTH else one[1:] for one in matching)
        return () in below, below - {()}

    def wanted(name: str) -> tuple[bool, _Patterns]:
        return by_kind(frozenset(one for one in here if _matches(one[0], name)))

    if all(one[0] in ("*", _ANY_DEPTH) for one in here):  # as of a whole folder: names are all alike
        hidden, others = by_kind(frozenset()), by_kind(here)
        return lambda name: hidden if name.startswith(".") else others
    return wanted


def _from_here(patterns: Iterable[_Pattern]) -> Iterator[_Pattern]:
    """The patterns, and what is left of them when `**` stands for no folder."""
    for pattern in patterns:
        yield pattern
        if pattern[0] == _ANY_DEPTH:
            yield from _from_here([pattern[1:]])


def _matches(part: str, name: str) -> bool:
    if name.startswith(".") and not part.startswith("."):
        return False
    return part in ("*", _ANY_DEPTH) or _expression(part).match(name) is not None


@cache
def _expression(part: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(part))
