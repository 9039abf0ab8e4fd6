"""Loads the accounts file into the database: all of it or nothing, and twice changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails
from sqlalchemy import Connection, Table, delete, select

from analytics_core.dimensions import BOT_PURPOSES
from analytics_core.errors import AccountsFileError
from analytics_core.store import tables
from analytics_core.store.access_tokens import revoke_of_strangers
from analytics_core.store.audit_events import record
from analytics_core.store.database import Database, upsert
from analytics_core.store.object_storage import check_installed, client, is_object_url, parse_location, storage_errors
from analytics_core.validation import complaint
from ingest.accounts.account_changes import AccountState, changes, revocations, stored_state
from ingest.accounts.entries import ENTRIES, AccountsFile, HandleEntry
from ingest.accounts.versioned_rows import keep_states

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LoadedAccounts:
    """How many of each the file names, and how many links changed their state."""

    handles: int
    collaborators: int
    campaigns: int
    links: int
    links_changed: int
    own_rules: int
    counted_purposes: int


def read_accounts(place: Path | str) -> AccountsFile:
    """The accounts of a file or of an `s3://` object.

    Raises AccountsFileError, naming the key and its place, for anything that is not as the contract says.
    """
    return parse_accounts(str(place), read_place(str(place)))


def keep_in_step(place: str, database: Database, public_domain: str, now: datetime) -> LoadedAccounts | None:
    """Loads the accounts from a file or an `s3://` object; None when it is what was loaded last.

    Raises AccountsFileError. Then nothing should be read: the hosts of new handles would be unknown.
    """
    content = read_place(place)
    digest = hashlib.sha256(content).hexdigest()
    kept = tables.accounts_loads
    with database.connect() as connection:
        if connection.execute(select(kept.c.sha256).where(kept.c.place == place)).scalar_one_or_none() == digest:
            return None
    loaded = load_accounts(database, parse_accounts(place, content), public_domain, now)
    with database.begin() as connection:
        upsert(connection, kept, [{"place": place, "sha256": digest, "loaded_at": now}])
    return loaded


def read_place(place: str) -> bytes:
    """The bytes of a file or of an `s3://` object. Raises AccountsFileError."""
    try:
        if not is_object_url(place):
            return Path(place).read_bytes()
        check_installed(place)
        location = parse_location(place)
        return client().get_object(Bucket=location.bucket, Key=location.key)["Body"].read()
    except FileNotFoundError:
        raise AccountsFileError(f"{place} does not exist.") from None
    except (OSError, *storage_errors()) as error:
        raise AccountsFileError(f"{place} cannot be read: {error}.") from error


def parse_accounts(path: str, content: bytes) -> AccountsFile:
    """Raises AccountsFileError; `path` is how the error calls the file."""
    try:
        accounts = AccountsFile.model_validate_json(content)
    except ValidationError as error:
        first, *others = error.errors()
        misspelt = next((one for one in (first, *others) if one["type"] == "extra_forbidden"), first)
        raise AccountsFileError(f"{path}: {_place(misspelt['loc'])}: {_said(misspelt)}.") from None
    _check_unique(path, accounts)
    return accounts


def _said(error: ErrorDetails) -> str:
    return _unknown_key(error["loc"]) if error["type"] == "extra_forbidden" else complaint(error)


def _unknown_key(place: Sequence[str | int]) -> str:
    """The model of an entry is that of the list in which it stands."""
    within = next((one for one in reversed(place[:-1]) if isinstance(one, str)), "")
    keys = [to_camel(name) for name in ENTRIES.get(within, AccountsFile).model_fields]
    nearest = get_close_matches(str(place[-1]), keys, 1)
    return (
        f"is not a known key (did you mean {nearest[0]}?)"
        if nearest
        else f"is not a known key; the keys are {', '.join(keys)}"
    )


def load_accounts(database: Database, accounts: AccountsFile, public_domain: str, now: datetime) -> LoadedAccounts:
    """Brings the database to what the file says of its handles; handles that it does not name stay as they are.

    Each change of a plan, a person, a zone, a domain, a campaign, a link, an own rule or the counted purposes is told
    to the audit log in the same transaction.
    Raises AccountsFileError for a domain that is another handle's, or lies where `{handle}.{public_domain}` do.
    """
    for place, entry in enumerate(accounts.handles):
        _check_domains(f"handles[{place}].domains", entry, public_domain)
    domain = tables.domains.c
    with database.begin() as connection:
        connection.execute(delete(tables.accounts_loads))  # what was in step may not be any more
        before = {entry.handle: stored_state(connection, entry.handle) for entry in accounts.handles}
        for entry in accounts.handles:  # one handle may take over a domain that another gives up
            given_up = (domain.handle == entry.handle) & domain.domain.not_in(entry.domains)
            connection.execute(delete(tables.domains).where(given_up))
        changed = sum(_load_handle(connection, entry, before[entry.handle], now) for entry in accounts.handles)
    entries = accounts.handles
    return LoadedAccounts(
        handles=len(entries),
        collaborators=sum(len(entry.collaborators) for entry in entries),
        campaigns=sum(len(entry.campaigns) for entry in entries),
        links=sum(len(entry.links) for entry in entries),
        links_changed=changed,
        own_rules=sum(len(entry.own_rules) for entry in entries),
        counted_purposes=sum(len(entry.counted_purposes) for entry in entries),
    )


def _place(location: Sequence[int | str]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".") or "the file"


def _check_unique(path: str, accounts: AccountsFile) -> None:
    lists: list[tuple[str, list[str]]] = [
        ("handle", [entry.handle for entry in accounts.handles]),
        ("domain", [domain for entry in accounts.handles for domain in entry.domains]),
    ]
    for entry in accounts.handles:
        lists += [
            (f"slug of {entry.handle}", [link.slug for link in entry.links]),
            (f"campaignId of {entry.handle}", [campaign.campaign_id for campaign in entry.campaigns]),
            (f"userId of {entry.handle}", [person.user_id for person in entry.collaborators]),
            (f"name of an own rule of {entry.handle}", [rule.name for rule in entry.own_rules]),
            (f"counted purpose of {entry.handle}", list(entry.counted_purposes)),
        ]
        known = {campaign.campaign_id for campaign in entry.campaigns}
        for link in entry.links:
            if link.campaign_id is not None and link.campaign_id not in known:
                raise AccountsFileError(
                    f"{path}: {entry.handle}/{link.slug}: campaignId must name a campaign of the handle; "
                    f"got {link.campaign_id!r}."
                )
    for what, values in lists:
        twice = (
            next((value for value in values if values.count(value) > 1), None)
            if len(set(values)) < len(values)
            else None
        )
        if twice is not None:
            raise AccountsFileError(f"{path}: {what} {twice!r} is given twice; each must be given once.")


def _check_domains(place: str, entry: HandleEntry, public_domain: str) -> None:
    for name in entry.domains:
        if name == public_domain.lower() or name.endswith(f".{public_domain.lower()}"):
            raise AccountsFileError(f"{place}: {name} belongs to {public_domain}, where every handle has its own host.")


def _load_handle(connection: Connection, entry: HandleEntry, before: AccountState | None, now: datetime) -> int:
    own = {"handle": entry.handle}
    state = {"plan": entry.plan.value, "plan_since": entry.plan_since, "timezone": entry.timezone}
    upsert(connection, tables.handles, [own | state])
    domain = tables.domains
    taken = connection.execute(
        select(domain).where(domain.c.domain.in_(entry.domains), domain.c.handle != entry.handle)
    ).first()
    if taken is not None:
        raise AccountsFileError(f"{entry.handle}: the domain {taken.domain} belongs to {taken.handle}.")
    _replace(connection, tables.domains, entry.handle, [own | {"domain": name} for name in entry.domains])
    people = [own | {"user_id": one.user_id, "role": one.role.value} for one in entry.collaborators]
    _replace(connection, tables.collaborators, entry.handle, people)
    revoked = revoke_of_strangers(connection, entry.handle, now)
    campaigns = [own | {"campaign_id": one.campaign_id, "name": one.name} for one in entry.campaigns]
    _replace(connection, tables.campaigns, entry.handle, campaigns)
    links = {one.slug: one.model_dump(exclude={"slug"}) for one in entry.links}
    links_changed = keep_states(connection, tables.links, entry.handle, "slug", links, since=now, now=now)
    rules = {
        one.name: {"place": place, **one.model_dump(exclude={"name"})} for place, one in enumerate(entry.own_rules)
    }
    counted = tuple(purpose for purpose in BOT_PURPOSES if purpose in entry.counted_purposes)
    since = _BEGINNING if before is None else now  # nothing was counted before the handle was there
    keep_states(connection, tables.own_rules, entry.handle, "name", rules, since=since, now=now)
    purposes = {entry.handle: {"purposes": " ".join(counted)}} if counted else {}
    keep_states(connection, tables.counted_purposes, entry.handle, "handle", purposes, since=since, now=now)
    after = AccountState(
        entry.plan.value,
        entry.plan_since,
        entry.timezone,
        frozenset(entry.domains),
        {one.user_id: one.role.value for one in entry.collaborators},
        {one.campaign_id: one.name for one in entry.campaigns},
        rules,
        counted,
    )
    record(connection, *changes(entry.handle, before, after, links_changed, now), *revocations(revoked, now))
    return links_changed


def _replace(connection: Connection, table: Table, handle: str, rows: Sequence[Mapping[str, Any]]) -> None:
    connection.execute(delete(table).where(table.c.handle == handle))
    if rows:
        connection.execute(table.insert(), list(rows))
