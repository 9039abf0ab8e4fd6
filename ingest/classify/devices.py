"""Phone, tablet or desktop: the ordered rules of lists/devices.toml over the decoded user agent.

Known limit: most iPads present themselves as Macintosh and count as DESKTOP.
"""

from __future__ import annotations

from functools import cache

import polars as pl

from ingest.classify.list_files import read_toml


@cache
def _rules() -> tuple[tuple[str, str], ...]:
    rules = read_toml("devices.toml")["rule"]
    return tuple(
        (rule["device"], "(?i)" + "|".join(f"(?:{pattern})" for pattern in rule["patterns"])) for rule in rules
    )


def devices(decoded: pl.Series) -> pl.Series:
    """MOBILE, TABLET, DESKTOP or UNKNOWN for each decoded agent. Bots are the caller's: a bot is always BOT."""
    verdicts = [pl.when(pl.col("agent").str.contains(pattern)).then(pl.lit(device)) for device, pattern in _rules()]
    return pl.DataFrame({"agent": decoded}).select(device=pl.coalesce(*verdicts, pl.lit("UNKNOWN")))["device"]
