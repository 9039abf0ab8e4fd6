"""A small Clickledger of one test: its own state folder, the accounts of two handles, and ingest as users run it."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import make_url

from analytics_core.settings import Settings, with_secrets
from analytics_core.store.database import Database
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import CLICK_COUNTS, CLICKS
from analytics_core.store.syncs import Syncs
from ingest.accounts.accounts_file import load_accounts
from ingest.accounts.entries import AccountsFile
from ingest.clicks.user_agents import UserAgents, user_agents_of
from ingest.sources import open_sources
from ingest.sync import prepare
from ingest.sync_progress import ProgressLines
from ingest.sync_result import SyncResult
from support import forks

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[2]

ACCOUNTS: dict[str, Any] = {
    "handles": [
        {
            "handle": "acme",
            "plan": "PRO",
            "planSince": "2026-01-01T00:00:00Z",
            "domains": ["go.acme.example"],
            "timezone": "Europe/Berlin",
            "collaborators": [{"userId": "user_ann", "role": "OWNER"}, {"userId": "user_bob", "role": "CREATOR"}],
            "campaigns": [{"campaignId": "spring-launch", "name": "Spring launch"}],
            "links": [
                {"slug": "launch", "destinationUrl": "https://shop.example/launch", "campaignId": "spring-launch"},
                {"slug": "about", "destinationUrl": "https://shop.example/about"},
            ],
        },
        {"handle": "zed", "plan": "FREE", "planSince": "2026-01-01T00:00:00Z"},
    ]
}


def _load(database: Database, accounts: Mapping[str, Any], public_domain: str, at: datetime) -> None:
    load_accounts(database, AccountsFile.model_validate(accounts), public_domain, at)
    database.engine.dispose()


@lru_cache(100)
def _loaded(accounts: str, public_domain: str, at: datetime) -> Path:
    """The file of a new database with these accounts, made once and copied by hundreds of tests."""
    file = Path(tempfile.mkdtemp(prefix="clickledger-accounts-")) / "clickledger.sqlite"
    atexit.register(shutil.rmtree, file.parent)
    _load(Database(f"sqlite:///{file}"), json.loads(accounts), public_domain, at)
    return file


def stopped_by_permissions() -> tuple[str, ...]:
    """What starts a command that permissions stop as they stop everybody, though root may run the tests."""
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


@dataclass
class World:
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    now: datetime = NOW
    before: tuple[str, ...] = ()  # words before those of a command: a program that starts it

    @property
    def settings(self) -> Settings:
        values = {name.removeprefix("CLICKLEDGER_").lower(): value for name, value in self.environment.items()}
        return with_secrets(Settings(_env_file=None, state=self.folder / "var", **values))  # type: ignore[arg-type]

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake_url)

    @property
    def agents(self) -> UserAgents:
        return user_agents_of(self.lake, self.settings.list_version)

    @property
    def database(self) -> Database:
        return Database(self.settings.database)

    def load(self, accounts: Mapping[str, Any] = ACCOUNTS, at: datetime | None = None) -> None:
        settings = self.settings
        url = make_url(settings.database)
        file = Path(url.database or "")
        if url.get_backend_name() != "sqlite" or file.exists():
            _load(Database(settings.database), accounts, settings.public_domain, at or self.now)
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_loaded(json.dumps(accounts), settings.public_domain, at or self.now), file)

    def sync(self, *sources: Path | str, fields: str | None = None, full: bool = False) -> SyncResult:
        """One run in this process."""
        settings = self.settings
        opened = open_sources([str(source) for source in sources], fields, settings, lambda: self.now)
        run = prepare(settings, Lake(settings.lake_url), Database(settings.database), lambda: self.now, ProgressLines())
        return run.run(opened, full=full)

    def command(self, *words: str) -> list[str]:
        return [*self.before, sys.executable, "-m", "ingest", *words]

    def process_environment(self) -> dict[str, str]:
        own = {"CLICKLEDGER_STATE": str(self.folder / "var"), "PYTHONPATH": str(ROOT)}
        return {**os.environ, **own, **self.environment}

    def start(self, *words: str) -> forks.Program:
        """`python -m ingest …` as a process of its own, which tells what it writes when it has ended."""
        pipe = subprocess.PIPE
        return forks.start(self.command(*words), self.process_environment(), self.folder, stdout=pipe, stderr=pipe)

    def run(self, *words: str | bytes, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`python -m ingest …` as a process of its own."""
        return forks.run([*self.command(), *words], self.process_environment(), self.folder, check=check, timeout=120)

    def run_json(self, *words: str) -> Any:
        return json.loads(self.run(*words).stdout.splitlines()[-1])

    def run_token(self, user: str, *words: str) -> str:
        """A token as `python -m analytics_core token` prints it."""
        command = [sys.executable, "-m", "analytics_core", "token", "--user", user, *words]
        return forks.run(command, self.process_environment(), self.folder, check=True, timeout=120).stdout.strip()

    def has_read_everything(self) -> bool:
        """Whether some run read every source to its end, by whatever clock."""
        return Syncs(self.database).last_complete(datetime.max.replace(tzinfo=UTC)) is not None

    def clicks(self) -> pl.DataFrame:
        lake = self.lake
        return lake.scan(lake.open(CLICKS), CLICKS).collect()

    def counts(self) -> pl.DataFrame:
        lake = self.lake
        return lake.scan(lake.open(CLICK_COUNTS), CLICK_COUNTS).collect()
