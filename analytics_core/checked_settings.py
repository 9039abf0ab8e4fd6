"""The settings of a process, checked together with the places that they name: whatever starts reads them so."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from analytics_core.settings import Settings, load_settings
from analytics_core.store.database import check_database
from analytics_core.store.lake_place import check_lake


def read_settings() -> Settings:
    """The settings of this process. Raises SettingsError for those of `load_settings`, and for places of lake and
    database in which they would not work: whatever runs first says so."""
    settings = load_settings()
    check_lake(settings.lake_url)
    check_database(settings.database)
    _find_temporary_folder(settings.state)
    return settings


def _find_temporary_folder(state: Path) -> None:
    """Where the system has no folder for temporary files that can be written to, they lie in the state folder."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        folder = state.absolute() / "tmp"
        with suppress(OSError):  # a full disk, too, is no reason not to start
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.tempdir = str(folder)
