#!/usr/bin/env bash
# deltalake 1.6.6, pyarrow 26.0.1, Python 3.11: vacuum() cleans the table's log though it is told not to, and a version
# that the log no longer reaches is "table not found".
#
# `PostCommitHookProperties(cleanup_expired_logs=False)` keeps the log on append, but not on vacuum: as soon as there is a
# checkpoint that is older than the log's retention (30 days), vacuum deletes the commits before it, and with them what
# their writers said in their metadata. Only the table's own property delta.enableExpiredLogCleanup=false stops it. Opening a
# version from before then raises TableNotFoundError ("No files in log segment"), although the table is there: who
# answers that by creating the table, if it does not exist, gets the newest version instead of the one that was asked for.
#
# Seen:
#   told not to clean: commits 0 to 2 are gone
#   opening version 1: TableNotFoundError
#   delta.enableExpiredLogCleanup=false: all commits are there
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check deltalake==1.6.6 pyarrow==26.0.1
cd "$folder"
venv/bin/python - <<'PYTHON'
import os
import sys
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, PostCommitHookProperties, write_deltalake
from deltalake.exceptions import TableNotFoundError

KEPT = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)


def commits_after_vacuum(name: str, properties: dict[str, str]) -> list[int]:
    for number in range(4):
        rows = pa.table({"number": [number]})
        write_deltalake(name, rows, mode="append", configuration=properties, post_commithook_properties=KEPT)
    DeltaTable(name).create_checkpoint()
    log = Path(name, "_delta_log")
    Path(name, "no-commit-names-me.parquet").touch()  # so that vacuum has something to delete, and commits
    for file in (*log.iterdir(), Path(name, "no-commit-names-me.parquet")):
        os.utime(file, (0, 0))
    DeltaTable(name).vacuum(dry_run=False, full=True, post_commithook_properties=KEPT)
    return sorted(int(file.stem) for file in log.glob("*.json"))


told = commits_after_vacuum("told", {})
forbidden = commits_after_vacuum("forbidden", {"delta.enableExpiredLogCleanup": "false"})
try:
    opened = f"version {DeltaTable('told', version=1).version()}"
except TableNotFoundError as error:
    opened = type(error).__name__
print(f"told not to clean: {'commits 0 to 2 are gone' if told[0] == 3 else told}")
print(f"opening version 1: {opened}")
print(f"delta.enableExpiredLogCleanup=false: {'all commits are there' if forbidden[0] == 0 else forbidden}")
sys.exit(0 if (told[0], opened, forbidden[0]) == (3, "TableNotFoundError", 0) else 1)
PYTHON
