"""Brings the edge's key value store to what the accounts file says.

`python -m deploy.edge.publish accounts.json --kvs-arn ARN`; secrets and domain come from the settings. The
records are described in README.md beside this file. Keys of handles that the file does not name stay as they are.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from analytics_core.errors import AccountsFileError, ClickledgerError, SettingsError
from analytics_core.settings import Settings, load_settings
from analytics_core.tracking.short_links import in_a_header
from ingest.accounts.accounts_file import read_accounts
from ingest.accounts.entries import AccountsFile, HandleEntry, Link

SETTINGS_KEY: Final = "settings"
VALUE_BYTES: Final = 1024
BATCH_KEYS: Final = 50


class KeyValueStore(Protocol):
    """boto3's `cloudfront-keyvaluestore` client, as far as it is used here."""

    def describe_key_value_store(self, **_: Any) -> Mapping[str, Any]: ...
    def get_paginator(self, name: str, /) -> Any: ...
    def update_keys(self, **_: Any) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Changes:
    puts: Mapping[str, str]
    deletes: frozenset[str]


def records(accounts: AccountsFile, settings: Settings) -> dict[str, str]:
    """Key → value of everything that the edge needs for these accounts. Raises AccountsFileError, SettingsError."""
    wanted = {SETTINGS_KEY: _settings_record(settings)}
    for entry in accounts.handles:
        for domain in entry.domains:
            if domain.endswith(f".{settings.public_domain}"):
                raise AccountsFileError(f"{entry.handle}: the edge takes {domain} for a handle's own host.")
            wanted[domain] = entry.handle
        for link in entry.links:
            if link.enabled:
                wanted[f"{entry.handle}/{link.slug}"] = _link_record(entry, link)
    return wanted


def changes(stored: Mapping[str, str], wanted: Mapping[str, str], handles: frozenset[str]) -> Changes:
    """What to write and what to remove. Only keys of the named handles are ever removed."""
    puts = {key: value for key, value in wanted.items() if stored.get(key) != value}
    own = {key for key, value in stored.items() if (key.partition("/")[0] if "/" in key else value) in handles}
    return Changes(puts, frozenset(own - wanted.keys()))


def publish(client: KeyValueStore, arn: str, accounts: AccountsFile, settings: Settings, *, dry: bool) -> Changes:
    """Writes the differences, fifty keys a request; a store that someone else changes meanwhile refuses."""
    wanted = records(accounts, settings)
    version = client.describe_key_value_store(KvsARN=arn)[
        "ETag"
    ]  # before reading: what changes from here on is noticed
    change = changes(_stored(client, arn), wanted, frozenset(entry.handle for entry in accounts.handles))
    if not dry:
        for puts, deletes in _batches(change):
            version = client.update_keys(KvsARN=arn, IfMatch=version, Puts=puts, Deletes=deletes)["ETag"]
    return change


def _settings_record(settings: Settings) -> str:
    if not settings.ctx_keys:
        raise SettingsError("The edge needs CLICKLEDGER_CTX_SECRETS, the same as the API's.")
    record: dict[str, Any] = {
        "domain": settings.public_domain,
        "secrets": list(settings.ctx_keys),
        "ttl": int(settings.ctx_ttl.total_seconds()),
    }
    if settings.trailing_slash:
        record["slash"] = 1
    return _value(SETTINGS_KEY, record)


def _link_record(entry: HandleEntry, link: Link) -> str:
    record: dict[str, Any] = {"to": in_a_header(link.destination_url)}
    if link.redirect_status != Link.model_fields["redirect_status"].default:
        record["status"] = link.redirect_status
    if link.append_context_param:
        record["ctx"] = 1
    if link.expires_at is not None:
        seconds = link.expires_at.timestamp()
        record["expires"] = int(seconds) if seconds.is_integer() else seconds
    return _value(f"{entry.handle}/{link.slug}", record)


def _value(key: str, record: Mapping[str, Any]) -> str:
    text = json.dumps(record, separators=(",", ":"))
    if len(text.encode()) > VALUE_BYTES:
        raise AccountsFileError(f"{key}: a record at the edge has room for {VALUE_BYTES} bytes, this one needs more.")
    return text


def _stored(client: KeyValueStore, arn: str) -> dict[str, str]:
    pages = client.get_paginator("list_keys").paginate(KvsARN=arn)
    return {item["Key"]: item["Value"] for page in pages for item in page.get("Items", [])}


def _batches(change: Changes) -> Iterator[tuple[list[dict[str, str]], list[dict[str, str]]]]:
    puts = [{"Key": key, "Value": value} for key, value in change.puts.items()]
    deletes = [{"Key": key} for key in sorted(change.deletes)]
    for start in range(0, len(puts), BATCH_KEYS):
        yield puts[start : start + BATCH_KEYS], []
    for start in range(0, len(deletes), BATCH_KEYS):
        yield [], deletes[start : start + BATCH_KEYS]


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.edge.publish", description=__doc__)
    parser.add_argument("file", type=Path, help="the accounts file")
    parser.add_argument("--kvs-arn", required=True, help="the store: output LinksArn of the stack")
    parser.add_argument("--dry-run", action="store_true", help="only say how much would change")
    arguments = parser.parse_args(words)
    try:
        client = boto3.client("cloudfront-keyvaluestore", region_name="us-east-1")
        done = publish(client, arguments.kvs_arn, read_accounts(arguments.file), load_settings(), dry=arguments.dry_run)
    except (ClickledgerError, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps({"puts": len(done.puts), "deletes": len(done.deletes)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
