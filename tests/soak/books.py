"""What the product says, compared with the oracle: every difference is a sentence."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from soak.doors import Questions
from soak.oracle import BUCKETS, ZONES, Day, Oracle
from soak.traffic import HANDLES, Days

GROUPINGS: Final = ("slug", "country", "device", "referrer", "segment")
COUNTS: Final = ("clicks", "bots", "conversions")


def day_differences(questions: Questions, oracle: Oracle, days: Days) -> Iterator[str]:
    """Of every handle, day and zone: clicks, bots, and the conversions and revenue of the day's clicks."""
    for handle in HANDLES:
        for zone in ZONES:
            asked = days.asked() | {"groupBy": "day", "tz": zone, "conversionDay": "click"}
            status, answer = questions.ask(handle, **asked)
            if status != 200:
                yield f"{handle} by day ({zone}): {status} {answer}"
                continue
            for row in answer["rows"]:
                known = oracle.day(zone, handle, row["key"])
                yield from _differing(f"{handle} {row['key']} ({zone})", row, known)
            yield from _differing(f"{handle}, total of days ({zone})", answer["totals"], oracle.total(handle))


def total_differences(
    questions: Questions,
    oracle: Oracle,
    days: Days,
    *,
    group_by: str,
    signals: Mapping[str, Sequence[int]],
    as_of: str | None = None,
) -> Iterator[str]:
    """Of every handle: the rows of another breakdown, added up, and what the funnel says of posts.

    `as_of`: of an earlier time, of which the oracle is. Signals then are not looked at.
    """
    for handle in HANDLES:
        asked = days.asked_to_now() | {"groupBy": group_by, "funnel": "true", "limit": "10000"}
        status, answer = questions.ask(handle, **asked, **({"asOf": as_of} if as_of else {}))
        what = f"{handle} by {group_by}" + (f" as of {as_of}" if as_of else "")
        if status != 200:
            yield f"{what}: {status} {answer}"
            continue
        total = oracle.total(handle)
        yield from _differing(what, _sum(answer["rows"]), total)
        yield from _differing(f"{what}, totals", answer["totals"], total)
        posts = answer["funnel"]["posts"]
        accepted = posts["accepted"] + posts["clickNotYetSeen"]
        if as_of is None and accepted != total.conversions:
            yield f"{what}, posts accepted: {accepted} for {total.conversions}"
        least, most = signals.get(handle, (0, 0))
        impressions = answer["totals"]["impressions"]
        if as_of is None and not least <= impressions <= most:
            yield f"{what}, impressions: {impressions} for {least} to {most}"


def bound_differences(seen: Sequence[tuple[str, str, Any]], before: Oracle, after: Oracle) -> Iterator[str]:
    """Answers that were given while programs worked, as (handle, zone, answer by day) in their order: each lies between
    what was known before and after, and no number goes back."""
    last: dict[tuple[str, str, str], int] = {}
    told: set[tuple[str, str, str]] = set()
    for handle, zone, answer in seen:
        for row in answer["rows"]:
            key = (zone, handle, row["key"])
            least, most = max(before.day(*key).clicks, last.get(key, 0)), after.day(*key).clicks
            last[key] = row["clicks"]
            if key not in told and not least <= row["clicks"] <= most:
                told.add(key)
                yield f"{handle} {row['key']} ({zone}), while programs worked: {row['clicks']} for {least} to {most}"


def ledger_differences(ledger: Mapping[str, int], oracle: Oracle) -> Iterator[str]:
    known = {"lines": oracle.lines} | {bucket: oracle.buckets[bucket] for bucket in BUCKETS}
    for name, count in known.items():
        if ledger[name] != count:
            yield f"ledger, {name}: {ledger[name]} for {count}"


def printed_differences(printed: Sequence[Mapping[str, int]], before: Oracle, after: Oracle) -> Iterator[str]:
    """What the syncs of a round printed, none of which was killed, adds up to the lines of the round."""
    names = ("clicks", "notRedirects", "unknownHosts", "invalidSlugs", "duplicates", "rejected")
    for name, bucket in zip(names, BUCKETS, strict=True):
        said, known = sum(one[name] for one in printed), after.buckets[bucket] - before.buckets[bucket]
        if said != known:
            yield f"printed by syncs, {name}: {said} for {known}"


def delivery_differences(
    files: Sequence[str], read: Callable[[str], bytes], handle: str, before: Oracle, after: Oracle
) -> Iterator[str]:
    """Each file, of one day in UTC, was made once, is what its manifest says, and counts what was known then."""
    if not files or len(set(files)) != len(files):
        yield f"deliveries: {files} for one file a day"
    for file in files:
        content, manifest = read(file), json.loads(read(f"{file}.manifest.json"))
        if hashlib.sha256(content).hexdigest() != manifest["sha256"]:
            yield f"{file}: its bytes are not those of its manifest"
        day = file.removesuffix(".csv")[-8:]
        clicks = sum(int(row["clicks"]) for row in csv.DictReader(content.decode().splitlines()))
        least, most = (oracle.day("UTC", handle, day).clicks for oracle in (before, after))
        if not least <= clicks <= most:
            yield f"{file}, clicks: {clicks} for {least} to {most}"


def verify_differences(checks: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    if checks is None:
        yield "verify gives no checks"
    for check in checks or ():
        if not check["holds"]:
            yield f"verify, {check['name']}: {check['detail']}"


def _differing(what: str, row: Mapping[str, Any], known: Day) -> Iterator[str]:
    said = (row["clicks"], row["botClicks"], row["conversions"])
    for name, one, other in zip(COUNTS, said, (known.clicks, known.bots, known.conversions), strict=True):
        if one != other:
            yield f"{what}, {name}: {one} for {other}"
    if row["qualifiedClicks"] != row["clicks"] - row["botClicks"]:
        yield f"{what}, qualifiedClicks: {row['qualifiedClicks']}"
    revenue = {currency: Decimal(value) for currency, value in row["revenueByCurrency"].items() if value}
    if revenue != known.revenue:
        yield f"{what}, revenue: {revenue} for {known.revenue}"


def _sum(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    total: dict[str, Any] = {name: sum(row[name] for row in rows) for name in ("clicks", "botClicks", "conversions")}
    total["qualifiedClicks"] = sum(row["qualifiedClicks"] for row in rows)
    total["revenueByCurrency"] = {}
    for row in rows:
        for currency, value in row["revenueByCurrency"].items():
            total["revenueByCurrency"][currency] = total["revenueByCurrency"].get(currency, Decimal(0)) + value
    return total
