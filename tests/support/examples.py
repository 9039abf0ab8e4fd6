"""How many examples the longest generated tests take: `LONGER=4` in the environment takes four times as many."""

from __future__ import annotations

import os


def examples(usual: int) -> int:
    """`usual`, times the whole number in `LONGER` (1 where it is not set). ValueError where that is below 1 or none."""
    factor = os.environ.get("LONGER", "1")
    if not (factor.isascii() and factor.isdecimal() and int(factor)):
        raise ValueError(f"LONGER must be a whole number from 1 on; got {factor!r}")
    return usual * int(factor)
