#!/usr/bin/env bash
# deltalake 1.6.6 (delta-rs, Python): `DeltaTable.history()` gives commits the wrong versions.
#
# It lists the log up to the newest commit in storage, but numbers the entries down from the version that the handle
# shows. Once another writer has committed after the handle was opened, every entry is labelled with a version that is
# too small by as many commits as came in between, down to negative ones, and `history(limit)` gives more than `limit`
# entries. The same holds of a handle that was opened at an older version on purpose, with nobody writing at all. Whoever
# takes `entry["version"]` for a commit's number (to read what it added, to go on where a reader stopped) reads another
# commit. What each commit is called here is in its own metadata, so the right version is known; it is also the number
# in the name of its file, `_delta_log/00000000000000000003.json`.
#
# Seen, four commits "0" to "3", `history()` as version:name, newest first:
#   a new handle                                  3:3 2:2 1:1 0:0
#   a handle opened after 1, before 2 and 3       1:3 0:2 -1:1 -2:0
#   the same, history(1)                          1:3 0:2 -1:1
#   DeltaTable(path, version=1)                   1:3 0:2 -1:1 -2:0
#   the early handle after update_incremental()   3:3 2:2 1:1 0:0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check deltalake==1.6.6 arro3-core==0.9.1

cat > "$folder/history.py" <<'EOF'
import sys

from arro3.core import Array, DataType, Table
from deltalake import CommitProperties, DeltaTable, write_deltalake

path = sys.argv[1]


def commit(number: int) -> None:
    rows = Table.from_pydict({"number": Array([number], DataType.int64())})
    named = CommitProperties(custom_metadata={"name": str(number)})
    write_deltalake(path, rows, mode="append", commit_properties=named)


def shown(entries: list) -> str:
    return " ".join(f"{entry['version']}:{entry['name']}" for entry in entries)


commit(0)
commit(1)
early = DeltaTable(path)
commit(2)
commit(3)
assert early.version() == 1
seen = {
    "a new handle": shown(DeltaTable(path).history()),
    "a handle opened after 1, before 2 and 3": shown(early.history()),
    "the same, history(1)": shown(early.history(1)),
    "DeltaTable(path, version=1)": shown(DeltaTable(path, version=1).history()),
}
early.update_incremental()
seen["the early handle after update_incremental()"] = shown(early.history())
for handle, entries in seen.items():
    print(f"{handle:<46}{entries}")
right, late = "3:3 2:2 1:1 0:0", "1:3 0:2 -1:1 -2:0"
sys.exit(list(seen.values()) != [right, late, late.removesuffix(" -2:0"), late, right])
EOF
"$folder/venv/bin/python" "$folder/history.py" "$folder/table"
