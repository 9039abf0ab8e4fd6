"""What the words of a command line may be."""

from __future__ import annotations

import argparse
import re


def seconds(text: str) -> float:
    found = re.fullmatch(r"([1-9]\d*)(s|m|h)?", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"must be a time span such as 60s, 5m or 1h; got {text}")
    return int(found.group(1)) * {"s": 1, "m": 60, "h": 3600}[found.group(2) or "s"]


def count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 or more; got {text}")
    return int(text)
