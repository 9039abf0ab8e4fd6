"""Scheduled exports as saved: which query of which handle, how often, in which format, and where it goes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import parse_qsl
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, select, update

from analytics_core.access.actors import Actor
from analytics_core.access.rules import Action
from analytics_core.bootstrap import Application
from analytics_core.errors import InvalidFormatError, InvalidParameterError, NotFoundError
from analytics_core.exports import FORMATS_OF_DELIVERIES
from analytics_core.model import Period, Query
from analytics_core.query.catalog import FILTERS
from analytics_core.query.parameters import gathered
from analytics_core.query.parse import parse_query
from analytics_core.store import tables
from analytics_core.store.audit_events import AuditEvent, record
from analytics_core.store.database import Database
from analytics_core.store.locks import alone
from analytics_core.store.object_storage import check_installed, is_object_url, parse_location
from analytics_core.zones import check_timezone, local_day

Every = Literal["daily", "weekly"]

DELIVERER: Final = Actor("ingest deliver", is_staff=True)  # the plan gate holds for staff too
CATCH_UP: Final = timedelta(days=31)  # how far back a period that was missed is still made

_LENGTHS: Final[Mapping[str, timedelta]] = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}
_SAVED: Final = frozenset({"groupBy", "interval", "metric", "tz", "sort", "conversionDay", *FILTERS})


@dataclass(frozen=True, slots=True)
class Delivery:
    """`query` holds parameters in the words of the API, without days; weeks begin on Monday."""

    delivery_id: str
    handle: str
    every: Every
    format: str
    query: Mapping[str, str]
    timezone: str
    place: str
    created_at: datetime

    def query_of(self, period: Period, now: datetime) -> Query:
        days = {"fromDay": f"{period.from_day:%Y%m%d}", "toDay": f"{period.to_day:%Y%m%d}", "tz": period.timezone}
        return parse_query(self.handle, {**self.query, **days}, now, for_export=True)

    def due(self, now: datetime) -> Iterator[Period]:
        """The periods that are over, oldest first, from the last one before the delivery was saved on.

        Raises InvalidTimezoneError for a zone that the database of time zones does not have any more.
        """
        length = _LENGTHS[self.every]
        current = _begin(local_day(now, self.timezone), self.every)
        first = _begin(local_day(self.created_at, self.timezone), self.every) - length
        begin = max(first, _begin(current - CATCH_UP, self.every))
        while begin < current:
            yield Period(begin, begin + length - timedelta(days=1), self.timezone)
            begin += length


def add(application: Application, *, handle: str, every: Every, format_name: str, query: str, place: str) -> Delivery:
    """Saves a delivery; `query` is a query string of the API (`groupBy=slug&country=DE&tz=Europe/Berlin`).

    Raises FeatureLockedError and HandleNotFoundError, and the InvalidParameterError of what is wrong.
    """
    account = application.policy.check(DELIVERER, Action.EXPORT, handle)
    if format_name not in FORMATS_OF_DELIVERIES:
        raise InvalidFormatError(f"format must be one of {', '.join(FORMATS_OF_DELIVERIES)}; got {format_name!r}.")
    given = gathered(parse_qsl(query))
    for name in given.keys() - _SAVED:  # an unknown one may be a filter that is misspelt
        raise InvalidParameterError(
            f"The query of a delivery must have only the parameters {', '.join(sorted(_SAVED))}; got {name}. "
            "Its days follow from the period, and it gives every row."
        )
    check_installed(place)
    now = application.clock()
    timezone = given.pop("tz", account.timezone)
    check_timezone(timezone)
    made = Delivery(uuid4().hex[:12], handle, every, format_name, given, timezone, place, now)
    for period in made.due(now):
        made.query_of(period, now)  # what is wrong is told now, not at night
    with alone(application.database, "deliveries"):  # two at once would not see each other
        _keep(application.database, made, now)
    return made


def _keep(database: Database, made: Delivery, now: datetime) -> None:
    for other in saved(database, made.handle):
        if _file_key(other) == _file_key(made):
            raise InvalidParameterError(
                f"The place must be another one than {made.place}: delivery {other.delivery_id} writes "
                "files of the same names there."
            )
    row = {name: getattr(made, name) for name in Delivery.__dataclass_fields__} | {"query": json.dumps(made.query)}
    with database.begin() as connection:
        connection.execute(tables.deliveries.insert().values(row))
        _tell(connection, "delivery.added", made, now)


def saved(database: Database, handle: str | None = None) -> tuple[Delivery, ...]:
    """Those that are not removed, of one handle or of all."""
    kept = tables.deliveries
    statement = select(kept).where(kept.c.removed_at.is_(None)).order_by(kept.c.handle, kept.c.delivery_id)
    if handle is not None:
        statement = statement.where(kept.c.handle == handle)
    with database.connect() as connection:
        return tuple(_delivery(row) for row in connection.execute(statement).mappings())


def remove(database: Database, delivery_id: str, now: datetime) -> None:
    """Raises NotFoundError. Files that were delivered stay."""
    kept = tables.deliveries
    with database.begin() as connection:
        row = (
            connection.execute(
                update(kept)
                .where(kept.c.delivery_id == delivery_id, kept.c.removed_at.is_(None))
                .values(removed_at=now)
                .returning(kept)
            )
            .mappings()
            .one_or_none()
        )
        if row is None:
            raise NotFoundError(f"There is no delivery {delivery_id!r}.")
        _tell(connection, "delivery.removed", _delivery(row), now)


def past_runs(database: Database, handle: str | None, limit: int) -> list[dict[str, object]]:
    """How each period ended that was tried, of removed deliveries too: the period, outcome and reason, newest first."""
    run, of = tables.delivery_runs, tables.deliveries
    statement = (
        select(
            *(run.c.at, of.c.handle, run.c.delivery_id, run.c.from_day, run.c.to_day),
            *(run.c.outcome, run.c.reason, run.c.file, run.c.export_id),
        )
        .join_from(run, of, of.c.delivery_id == run.c.delivery_id)
        .order_by(run.c.at.desc(), run.c.from_day.desc(), run.c.delivery_id)
        .limit(limit)
    )
    if handle is not None:
        statement = statement.where(of.c.handle == handle)
    with database.connect() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]


def _begin(day: date, every: Every) -> date:
    return day if every == "daily" else day - timedelta(days=day.weekday())


def _file_key(delivery: Delivery) -> tuple[str, ...]:
    query = delivery.query
    rows = "conversions" if query.get("metric") == "conversions" else query["groupBy"]
    return delivery.every, delivery.format, rows, *_same_place(delivery.place)


def _same_place(place: str) -> tuple[str, ...]:
    """Equal for every spelling of a folder, or of a prefix of objects."""
    if not is_object_url(place):
        return (os.path.realpath(place),)
    location = parse_location(place)
    return location.bucket, location.key.rstrip("/")


def _delivery(row: RowMapping) -> Delivery:
    values: dict[str, Any] = {name: row[name] for name in Delivery.__dataclass_fields__}
    values["query"] = json.loads(row["query"])
    return Delivery(**values)


def _tell(connection: Connection, action: str, delivery: Delivery, now: datetime) -> None:
    detail = {"deliveryId": delivery.delivery_id, "every": delivery.every, "place": delivery.place}
    record(connection, AuditEvent(now, "ingest deliveries", delivery.handle, action, detail))
