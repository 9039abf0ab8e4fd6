#!/usr/bin/env bash
# Polars 2.1.0, Python 3.11: replace_strict forgets return_dtype when its mapping is empty.
#
# `replace_strict(names, return_dtype=pl.String)` gives a String column, also for a frame without rows, as long as
# `names` holds anything. Built from the distinct values of that frame, `names` is empty exactly when the frame is: the
# column then keeps the type that it had, no error is raised, and the next vertical concat fails far from here
# ("type String is incompatible with expected type Int32"). With `default=` the type is right.
#
# Seen:
#   {1: 'a'} of no rows: String
#   {} of no rows: Int32
#   {} of no rows, default=None: String
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import polars as pl

empty = pl.DataFrame(schema={"month": pl.Int32})
month = pl.col("month")
found = {
    "{1: 'a'} of no rows": empty.select(month.replace_strict({1: "a"}, return_dtype=pl.String)),
    "{} of no rows": empty.select(month.replace_strict({}, return_dtype=pl.String)),
    "{} of no rows, default=None": empty.select(month.replace_strict({}, default=None, return_dtype=pl.String)),
}
types = {name: str(frame.schema["month"]) for name, frame in found.items()}
for name, kind in types.items():
    print(f"{name}: {kind}")
sys.exit(0 if list(types.values()) == ["String", "Int32", "String"] else 1)
PYTHON
