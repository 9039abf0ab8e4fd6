#!/usr/bin/env bash
# One instant, one zone, the newest library of each: three different answers.
#
# Versions: polars 2.1.0, duckdb 2.0.0, chdb 4.4.0 (ClickHouse 26.9.2.1), tzdata 2026.6 (IANA 2026f) with Python's zoneinfo.
# Each carries a time zone database of its own, whatever the machine has, and only ClickHouse says which
# (`system.build_options`). In 2026 Vancouver, Winnipeg and Havana stopped putting their clocks back in autumn. What
# a clock shows at 2026-11-15T07:30:00Z, as seen with these versions:
#
#                        Vancouver          Winnipeg           Havana
#   Polars               2026-11-14 23:30   2026-11-15 01:30   2026-11-15 02:30
#   ClickHouse (2026c)   2026-11-15 00:30   2026-11-15 01:30   2026-11-15 02:30
#   DuckDB               2026-11-15 00:30   2026-11-15 02:30   2026-11-15 02:30
#   tzdata 2026f         2026-11-15 00:30   2026-11-15 02:30   2026-11-15 03:30
#
# So a query that truncates to local days in an engine, and a chart that does it in another library, put the same click into
# different days; pinning `tzdata` changes neither. Convert in one place. Exits 1 when the libraries say something else.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    polars==2.1.0 duckdb==2.0.0 chdb==4.4.0 tzdata==2026.6

cat > "$folder/ask.py" <<'EOF'
import sys
import zoneinfo
from datetime import UTC, datetime

zoneinfo.reset_tzpath([])  # else zoneinfo reads the machine's files, and tzdata is never asked

import chdb
import duckdb
import polars as pl

MOMENT = datetime(2026, 11, 15, 7, 30, tzinfo=UTC)
ZONES = ("America/Vancouver", "America/Winnipeg", "America/Havana")
SEEN = {
    "Polars": ("2026-11-14 23:30", "2026-11-15 01:30", "2026-11-15 02:30"),
    "ClickHouse": ("2026-11-15 00:30", "2026-11-15 01:30", "2026-11-15 02:30"),
    "DuckDB": ("2026-11-15 00:30", "2026-11-15 02:30", "2026-11-15 02:30"),
    "tzdata": ("2026-11-15 00:30", "2026-11-15 02:30", "2026-11-15 03:30"),
}


def by_polars(zone):
    return pl.Series([MOMENT]).dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d %H:%M").item()


def by_clickhouse(zone):
    moment = f"toDateTime({int(MOMENT.timestamp())}, 'UTC')"
    return str(chdb.query(f"SELECT formatDateTime({moment}, '%Y-%m-%d %H:%i', '{zone}')", "TSV")).strip()


def by_duckdb(zone):
    return duckdb.execute("SELECT strftime(timezone(?, ?), '%Y-%m-%d %H:%M')", [zone, MOMENT]).fetchone()[0]


def by_tzdata(zone):
    return f"{MOMENT.astimezone(zoneinfo.ZoneInfo(zone)):%Y-%m-%d %H:%M}"


found = {
    name: tuple(map(ask, ZONES))
    for name, ask in zip(SEEN, (by_polars, by_clickhouse, by_duckdb, by_tzdata), strict=True)
}
print(f"{MOMENT:%Y-%m-%dT%H:%M:%SZ}", *(zone.partition("/")[2].ljust(16) for zone in ZONES), sep="  ")
for name, clocks in found.items():
    print(name.ljust(20), *clocks, sep="  ")
sys.exit(found != SEEN)
EOF
"$folder/venv/bin/python" "$folder/ask.py"
