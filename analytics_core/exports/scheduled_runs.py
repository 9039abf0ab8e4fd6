"""Makes the scheduled exports that are due: each period once, where the plan has exports, else the reason is kept."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal
from uuid import uuid4

import orjson
from sqlalchemy import select

from analytics_core import exports
from analytics_core.access.rules import Action
from analytics_core.bootstrap import Application
from analytics_core.errors import ClickledgerError, FeatureLockedError, HandleNotFoundError, InvalidTimezoneError
from analytics_core.exports import Download
from analytics_core.exports.schedules import DELIVERER, Delivery, saved
from analytics_core.model import Period
from analytics_core.store import tables
from analytics_core.store.database import upsert
from analytics_core.store.locks import alone
from analytics_core.store.object_storage import (
    check_installed,
    client,
    is_object_url,
    parse_location,
    storage_errors,
)


@dataclass(frozen=True, slots=True)
class Run:
    """How one period of a delivery ended. What was skipped or failed is tried again; what was delivered never."""

    delivery_id: str
    handle: str
    from_day: str
    to_day: str
    outcome: Literal["delivered", "skipped", "failed"]
    reason: str = ""
    file: str = ""
    export_id: str = ""


def deliver(application: Application) -> Iterator[Run]:
    """Every due period that was not delivered yet. Each run is recorded before it is given; a delivery in a zone that
    the database of time zones does not have (any more) fails as a whole, without days.

    Processes that deliver at once share the work: a period is made by one of them, while the others wait for it.
    """
    for delivery in saved(application.database):
        try:
            due = tuple(delivery.due(application.clock()))
        except InvalidTimezoneError as error:  # whose days nobody knows; the others are made all the same
            reason = f"{error.code}: {error.message}"
            yield Run(delivery.delivery_id, delivery.handle, "", "", "failed", reason)
            continue
        done = _delivered(application, delivery)
        for period in due:
            first_day = f"{period.from_day:%Y%m%d}"
            if first_day in done:
                continue
            with alone(application.database, "deliver"):
                if first_day in _delivered(application, delivery):  # by another process meanwhile
                    continue
                run = _run(application, delivery, period)
                _record(application, run)
            yield run


def _run(application: Application, delivery: Delivery, period: Period) -> Run:
    def ended(outcome: Literal["delivered", "skipped", "failed"], **more: str) -> Run:
        days = f"{period.from_day:%Y%m%d}", f"{period.to_day:%Y%m%d}"
        return Run(delivery.delivery_id, delivery.handle, *days, outcome, **more)

    try:
        application.policy.check(DELIVERER, Action.EXPORT, delivery.handle)
    except (FeatureLockedError, HandleNotFoundError) as error:
        return ended("skipped", reason=f"{error.code}: {error.message}")
    synced = application.analytics.freshness().last_updated_at
    if synced is None or synced < period.end:
        return ended("skipped", reason="not_synced: no complete sync since the end of the period.")
    try:
        query = delivery.query_of(period, application.clock())
        download = exports.begin(application, query, DELIVERER, delivery.format)
        file = _write(delivery.place, download)
    except ClickledgerError as error:
        return ended("failed", reason=f"{error.code}: {error.message}")
    except (OSError, *storage_errors()) as error:
        return ended("failed", reason=f"{delivery.place} cannot be written: {error}")
    return ended("delivered", file=file, export_id=download.manifest.id)


def _write(place: str, download: Download) -> str:
    """Writes file and manifest, each whole or not at all; JSON has its manifest inside. Gives the file's place."""
    put = _put_object if is_object_url(place) else _put_file
    with closing(download), tempfile.TemporaryFile() as whole:
        whole.writelines(download.pieces())
        if download.manifest.format != "json":
            manifest = orjson.dumps(download.manifest.to_json(), option=orjson.OPT_INDENT_2)
            put(place, f"{download.filename}.manifest.json", io.BytesIO(manifest))
        whole.seek(0)
        return put(place, download.filename, whole)


def _put_file(folder: str, name: str, content: IO[bytes]) -> str:
    path = Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{name}.{uuid4().hex}")
    try:
        with draft.open("wb") as written:
            shutil.copyfileobj(content, written)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return str(path)


def _put_object(prefix: str, name: str, content: IO[bytes]) -> str:
    check_installed(prefix)
    location = parse_location(f"{prefix.rstrip('/')}/{name}")
    client().upload_fileobj(content, location.bucket, location.key)
    return f"s3://{location.bucket}/{location.key}"


def _delivered(application: Application, delivery: Delivery) -> frozenset[str]:
    """First days of the periods that were delivered."""
    run = tables.delivery_runs
    with application.database.connect() as connection:
        return frozenset(
            connection.execute(
                select(run.c.from_day).where(run.c.delivery_id == delivery.delivery_id, run.c.outcome == "delivered")
            ).scalars()
        )


def _record(application: Application, run: Run) -> None:
    row = {
        "delivery_id": run.delivery_id,
        "from_day": run.from_day,
        "to_day": run.to_day,
        "outcome": run.outcome,
        "reason": run.reason,
        "at": application.clock(),
        "file": run.file,
        "export_id": run.export_id,
    }
    with application.database.begin() as connection:
        upsert(connection, tables.delivery_runs, [row])
