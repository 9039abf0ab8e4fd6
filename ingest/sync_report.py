"""What `sync` tells of a run: the totals for programs, and sentences for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final

from ingest.sync_result import SyncResult

_MANY_UNKNOWN: Final = 0.1  # of the redirects: more than the strays that every distribution gets
_PLACES_TOLD: Final = 20


def warnings(result: SyncResult) -> Iterator[str]:
    """Sentences about what a person should look at."""
    for misfit in result.misfits:
        yield f"warning: {misfit}; they were derived anew, and fit now."
    reasons = Counter(result.refused.values())
    for reason, objects in reasons.most_common():
        key = next(key for key, said in result.refused.items() if said == reason)
        yield (
            f"warning: {_counted(objects, 'object')} refused: {reason}. For example {key}. After mending the cause, "
            "such as a wrong field list, `sync --full` tries them again."
        )
    for source in result.misread:
        yield (
            f"error: {source} cannot be read as it is configured: its newest objects were all refused. Are its fields "
            "right (--fields, or `fields` in sources.toml)? After mending that, `sync --full` tries them again."
        )
    yield from result.errors
    for place, reason in islice(result.unlisted.items(), _PLACES_TOLD):
        yield f"warning: {place} could not be read: {reason}. The next run tries again."
    if len(result.unlisted) > _PLACES_TOLD:
        yield f"warning: {len(result.unlisted) - _PLACES_TOLD:,} more places could not be read."
    for source in result.empty:
        yield f"warning: {source} holds no file, and never did. Is it the right place?"
    for source, objects in result.foreign.items():
        yield f"warning: {source}: none of its {_counted(objects, 'object')} names the distribution in its key."
    if result.failed:
        yield f"warning: {_counted(result.failed, 'object')} could not be read; the next run tries again."
    if result.waiting:
        yield (
            f"warning: the last line of {_counted(result.waiting, 'file')} may still be written; a sync a minute after "
            "the last writing reads it as it is."
        )
    identity = result.identity
    redirects = identity.lines - identity.not_redirects - identity.rejected
    if identity.unknown_hosts > _MANY_UNKNOWN * redirects:
        yield (
            f"warning: {identity.unknown_hosts:,} of {redirects:,} redirects were on hosts that belong to no handle. "
            "After loading the accounts of those hosts, `sync --full` counts them."
        )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def totals(result: SyncResult, seconds: float) -> dict[str, float]:
    """What `sync` prints last on stdout: where every line went."""
    identity = result.identity
    return {
        "batches": result.batches,
        "objects": result.objects,
        "lines": identity.lines,
        "clicks": identity.clicks,
        "notRedirects": identity.not_redirects,
        "unknownHosts": identity.unknown_hosts,
        "invalidSlugs": identity.invalid_slugs,
        "duplicates": identity.duplicates,
        "rejected": identity.rejected,
        "seconds": round(seconds, 3),
    }
