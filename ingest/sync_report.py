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
        yield f"warning: {misfit}; the roll-ups were derived anew, and fit."
    reasons = Counter(result.refused.values())
    for reason, objects in reasons.most_common():
        key = next(key for key, said in result.refused.items() if said == reason)
        yield (
            f"warning: {_counted(objects, 'object')} refused: {reason}. For example {key}. What was mended since, "
            "such as a field list, `sync --full` tries again."
        )
    for source in result.misread:
        yield (
            f"error: {source} is not read as it is: its newest objects were all refused. Are its fields right "
            "(--fields, or `fields` in sources.toml)? After mending that, `sync --full` tries them again."
        )
    yield from result.errors
    for place, reason in islice(result.unlisted.items(), _PLACES_TOLD):
        yield f"warning: {place} could not be read: {reason}. The next run tries again."
    if len(result.unlisted) > _PLACES_TOLD:
        yield f"warning: so could {len(result.unlisted) - _PLACES_TOLD:,} more places not."
    for source in result.empty:
        yield f"warning: {source} holds no file, and never did: is it the right place?"
    for source, objects in result.foreign.items():
        yield f"warning: {source}: none of {objects} objects names the distribution in its key."
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
            f"warning: {identity.unknown_hosts:,} of {redirects:,} redirects on hosts that are no handle's. "
            "After loading the accounts that they belong to, `sync --full` counts them."
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
