"""How the roll-ups were derived, as the commits of the counts say."""

from __future__ import annotations

from typing import Final

from deltalake import DeltaTable

from analytics_core.dimensions import CUBE_COLUMNS, DETAIL_COLUMNS
from analytics_core.store.commit_log import ForgottenCommitError, read_commit

# How roll-ups follow from facts: with another version here, the next sync derives those of every lake anew. Release
# 0.1.0 named none, and what it derived beside a compaction could be wrong.
_VERSION: Final = "4"
DERIVATION_VERSION: Final = f"{_VERSION}:{','.join((*CUBE_COLUMNS, *DETAIL_COLUMNS))}"

# What commits of the counts say about how they were derived: when one of these is another now, they are derived anew.
DERIVATION: Final = ("list_version", "segment_rules", "derivation")


def derivation_of(counts: DeltaTable, url: str) -> dict[str, str] | None:
    """What the newest commit says, up to the version that the counts (at `url`) show; None when they hold nothing.

    Every commit says it, those that only rearrange or clean up too: only of a table that holds nothing, or was last
    written to by an older release, more than one is looked at.
    """
    try:
        looked_at = (read_commit(url, version).said for version in range(counts.version(), -1, -1))
        said = next((one for one in looked_at if DERIVATION[0] in one), None)
    except ForgottenCommitError:
        return None
    return None if said is None else {name: said.get(name, "") for name in DERIVATION}
