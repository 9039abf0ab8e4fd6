#!/usr/bin/env bash
# Polars 2.1.0, Python 3.11: a thread keeps 32 compiled regexes; the 33rd makes each of them compile anew, every time.
#
# `str.contains`, `str.extract` and their like look a pattern up among the 32 that their thread used last. Up to 32
# patterns, asked one after the other, are compiled once. 33 push each other out before their turn comes again, so that
# all of them are compiled at each call, however few rows there are: a list of rules costs a constant of its own, and a
# pattern such as `[\w.-]{1,30}` (a class of Unicode letters, repeated) takes tens of milliseconds to compile.
#
# Seen (time of the third pass over the patterns, as a share of the first):
#   32 patterns: compiled once
#   33 patterns: compiled each time
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0
POLARS_MAX_THREADS=1 "$folder/venv/bin/python" - <<'PYTHON'
import sys
import time

import polars as pl

row = pl.Series(["abc"])


def told(count: int) -> str:
    patterns = [rf"of{count}n{number}@([a-z][\w.-]{{1,30}})" for number in range(count)]
    passes = []
    for _ in range(3):
        began = time.process_time()
        for pattern in patterns:
            row.str.contains(pattern)
        passes.append(time.process_time() - began)
    return "compiled each time" if passes[2] > passes[0] / 4 else "compiled once"


found = [told(count) for count in (32, 33)]
for count, said in zip((32, 33), found):
    print(f"{count} patterns: {said}")
sys.exit(0 if found == ["compiled once", "compiled each time"] else 1)
PYTHON
