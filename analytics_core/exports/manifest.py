"""Manifests: what is known of one export for good. The first part before its first byte, the rest with its last."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import orjson
from sqlalchemy import select, update

from analytics_core.access.actors import Actor
from analytics_core.errors import NotFoundError
from analytics_core.model import Query
from analytics_core.query.catalog import EVENT
from analytics_core.query.parse import filter_text
from analytics_core.store import tables
from analytics_core.store.audit_events import AuditEvent, record
from analytics_core.store.database import Database

LONGEST: Final = timedelta(days=1)  # what is not finished by then never will be: its process has ended
_ABANDONED: Final = "interrupted: The process that made it ended before it was finished."


@dataclass(frozen=True, slots=True)
class Manifest:
    """`rows` and `sha256` are None until the file is complete; `reason` says why it never will be.

    `timezone_release` is None of exports that were made before it was kept.
    """

    id: str
    handle: str
    created_at: datetime
    created_by: str
    format: str
    query: dict[str, Any]
    data_version: str
    definitions_version: str
    timezone_release: str | None
    rows: int | None = None
    sha256: str | None = None
    reason: str | None = None

    @property
    def status(self) -> Literal["running", "complete", "failed"]:
        if self.sha256 is not None:
            return "complete"
        return "running" if self.reason is None else "failed"

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "handle": self.handle,
            "createdAt": self.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "createdBy": self.created_by,
            "format": self.format,
            "query": self.query,
            "dataVersion": self.data_version,
            "definitionsVersion": self.definitions_version,
            "timezoneRelease": self.timezone_release,
            "status": self.status,
            "reason": self.reason,
            "rows": self.rows,
            "sha256": self.sha256,
        }


def find_manifest(database: Database, handle: str, manifest_id: str, now: datetime) -> Manifest:
    """Raises NotFoundError when the handle has no export of that id."""
    kept = tables.exports
    with database.connect() as connection:
        found = connection.execute(select(kept).where(kept.c.id == manifest_id, kept.c.handle == handle))
        row = found.mappings().one_or_none()
    if row is None:
        raise NotFoundError("There is no export of that id.")
    manifest = Manifest(**(dict(row) | {"query": orjson.loads(row["query"])}))
    if manifest.status == "running" and manifest.created_at + LONGEST < now:
        return replace(manifest, reason=_ABANDONED)
    return manifest


def keep_begun(database: Database, manifest: Manifest, actor: Actor, request_id: str) -> None:
    """Before the first byte leaves, so that no row gets out without a line in the audit log."""
    row = {name: getattr(manifest, name) for name in Manifest.__dataclass_fields__}
    detail = {"exportId": manifest.id, "format": manifest.format, "query": manifest.query}
    made = AuditEvent(manifest.created_at, actor.name, manifest.handle, "export.made", detail, request_id)
    with database.begin() as connection:
        record(connection, made)
        connection.execute(tables.exports.insert().values(row | {"query": orjson.dumps(manifest.query).decode()}))


def keep_ended(database: Database, manifest: Manifest) -> None:
    """How it ended: whole, or the reason why not."""
    kept = tables.exports
    ended = {"rows": manifest.rows, "sha256": manifest.sha256, "reason": manifest.reason}
    with database.begin() as connection:
        connection.execute(update(kept).where(kept.c.id == manifest.id).values(ended))


def describe(query: Query) -> dict[str, Any]:
    """The query in the words of the API, everything resolved."""
    return {
        "groupBy": query.group_by,
        **({"interval": query.interval} if query.interval != "day" else {}),
        "metric": query.events if query.group_by == EVENT else None,
        "fromDay": f"{query.period.from_day:%Y%m%d}",
        "toDay": f"{query.period.to_day:%Y%m%d}",
        "tz": query.period.timezone,
        "filters": {one.dimension: filter_text(one) for one in query.filters},
        "conversionDay": query.conversion_day,
        "sort": query.sort,
        "asOf": query.as_of.isoformat().replace("+00:00", "Z") if query.as_of else None,
    }
