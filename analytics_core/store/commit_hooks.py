"""What delta-rs is told with every commit: not to decide again what was decided, and to clean up nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from deltalake import CommitProperties, PostCommitHookProperties, Transaction

# Only `compact` cleans logs: that of clicks holds batch summaries, which it keeps elsewhere first.
AFTER_COMMIT: Final = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)


def commit_properties(
    transactions: Sequence[Transaction] = (), metadata: Mapping[str, str] | None = None
) -> CommitProperties:
    """No retry inside the library: it would commit again what was decided by an older version."""
    return CommitProperties(
        custom_metadata=dict(metadata or {}), max_commit_retries=0, app_transactions=list(transactions)
    )
