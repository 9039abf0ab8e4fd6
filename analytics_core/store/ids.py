"""Ids that nobody needs to guess wrong: random enough to be unique, without asking the operating system each time."""

from __future__ import annotations

import secrets
from datetime import datetime


def time_ordered_id(now: datetime) -> str:
    """A UUID of version 7 (RFC 9562): 32 hexadecimal digits, milliseconds first."""
    chance = secrets.randbits(80)
    version_and_chance = 0x7000 | chance >> 68
    variant_and_chance = 0x8000_0000_0000_0000 | chance & 0x3FFF_FFFF_FFFF_FFFF
    return f"{first_id(now)}{version_and_chance:04x}{variant_and_chance:016x}"


def first_id(moment: datetime) -> str:
    """What ids of this moment begin with, which sorts before them and after all that are older."""
    milliseconds = int(moment.timestamp() * 1_000)
    return f"{milliseconds & 0xFFFF_FFFF_FFFF:012x}"
