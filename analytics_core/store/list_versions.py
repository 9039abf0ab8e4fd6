"""The versions of the lists by whose verdicts the lake can judge, and the one by which its roll-ups were derived."""

from __future__ import annotations

from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import VERDICTS


def held_versions(lake: Lake) -> list[str]:
    """The versions of which the lake holds verdicts, in the order of their names. Makes no table."""
    if not lake.has_table(VERDICTS):
        return []
    return sorted({partition["list_version"] for partition in lake.open(VERDICTS).partitions()})


def version_in_force(lake: Lake, said: str | None) -> str:
    """What the roll-ups say of themselves; where the log has forgotten it, the greatest version of all verdicts."""
    return said if said is not None else max(held_versions(lake), default="")
