#!/usr/bin/env bash
# google-re2 1.1.20251105, Python 3.11: the numbers that a Set says have matched are in no order of their own.
#
# `re2.Set` finds which of many patterns match a text in one pass, and answers with the numbers that `Add` gave them. Where
# the first rule of a list has to win, `matched[0]` looks like it, and is not: two texts with the same matches can give them in
# two orders. Sort the numbers first.
#
# Seen:
#   abcx [2, 3, 1, 0, 4]
#   xcba [4, 0, 3, 1, 2]
#   the same numbers, in order: no, no
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check google-re2==1.1.20251105
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import re2

patterns = re2.Set.SearchSet()
for pattern in ("c", "b", "a", "[a-c]", "x"):
    patterns.Add(pattern)
patterns.Compile()
orders = []
for text in ("abcx", "xcba"):
    orders.append(patterns.Match(text))
    print(text, orders[-1])
told = ["yes" if order == sorted(order) else "no" for order in orders]
print("the same numbers, in order:", ", ".join(told))
sys.exit(sorted(orders[0]) != sorted(orders[1]) or told != ["no", "no"])
PYTHON
