"""What errors of Delta and Polars mean to whoever asked: another writer was first, or the store does not answer."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from deltalake.exceptions import CommitFailedError, DeltaError

from analytics_core.errors import lake_unavailable


class CommitConflictError(Exception):
    """Another writer committed to the table first: reload it, decide again, commit again."""


@contextmanager
def answering() -> Generator[None]:
    """Around what reads files of the lake, which Polars does when a frame is collected: its word for a store that does
    not answer becomes ours."""
    try:
        yield
    except OSError as error:
        raise lake_unavailable(error) from error


@contextmanager
def translated() -> Generator[None]:
    """Around a commit."""
    try:
        yield
    except CommitFailedError as error:
        raise CommitConflictError(str(error)) from error
    except (DeltaError, OSError) as error:
        raise lake_unavailable(error) from error
