"""Only analytics_core/zones.py knows time zones: no library, no engine and no browser converts or formats in one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.world import ROOT

FOLDERS = ("analytics_core", "ingest", "deploy", "pages")
ZONES = ROOT / "analytics_core" / "zones.py"
MODULES = sorted({ROOT / "app.py", *(path for name in FOLDERS for path in (ROOT / name).rglob("*.py"))} - {ZONES})
SCRIPTS = sorted(path for name in (*FOLDERS, "docs") for path in (ROOT / name).rglob("*.js"))

DATABASES = {"zoneinfo", "tzdata", "pytz", "dateutil", "tzlocal", "pandas", "arrow", "pendulum"}
OF_THE_MACHINE = (
    *("date.today", "datetime.today", "datetime.utcnow", "datetime.utcfromtimestamp"),
    *("time.localtime", "time.strftime", "time.ctime", "time.asctime", "time.mktime", "time.tzset"),
)
IN_A_ZONE = {  # the place of the zone among the arguments
    **{".astimezone": 0, ".convert_time_zone": 0, ".replace_time_zone": 0},
    **{"datetime.now": 0, "datetime.fromtimestamp": 1, "pl.Datetime": 1},
}
MAY_BE_LEFT_OUT = {"pl.Datetime"}  # a column without a zone
BY_THE_BROWSER = {"DatetimeColumn"}  # Streamlit's; a table gets text
SQL = re.compile(
    r"AT\s+TIME\s+ZONE|\b(?:timezone|toTimeZone|toStartOf\w+|toDate\w*|toHour|formatDateTime|date_trunc|time_bucket|"
    r"date_part|extract|strftime|make_timestamptz|now|today|localtimestamp)\(|\bcurrent_(?:date|time|timestamp)\b|"
    r"\bAS\s+(?:DATE|TIME)\b|::\s*(?:DATE|TIME)\b",
    re.IGNORECASE,
)
SCRIPT = re.compile(r"\.toLocale\w*String|getTimezoneOffset|DateTimeFormat|\.get(?:Hours|Date|Day|Month|FullYear)\(")


def offences(code: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Import():
                yield from (name.name for name in node.names if name.name.partition(".")[0] in DATABASES)
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in DATABASES:
                yield module
            case ast.Call():
                yield from _calls(node)
            case ast.Attribute(attr=name) if name in BY_THE_BROWSER:
                yield name
            case ast.Constant(value=str(text)):
                yield from SQL.findall(text)


def _calls(node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    if called.endswith(OF_THE_MACHINE):
        yield called
    known = next((end for end in IN_A_ZONE if called.endswith(end)), None)
    words = ("time_zone",) if known is None else ("time_zone", "tz")
    zones = [word.value for word in node.keywords if word.arg in words]
    if known is not None:
        zones += node.args[IN_A_ZONE[known] :][:1]
        if not zones and known not in MAY_BE_LEFT_OUT:
            yield called
    yield from (f"{called} in {ast.unparse(zone)}" for zone in zones if ast.unparse(zone) not in ("UTC", "'UTC'"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_knows_a_zone(path: Path) -> None:
    assert list(offences(path.read_text())) == []


def test_no_script_of_ours_formats_a_time_in_the_browsers_zone() -> None:
    assert {path.name: found for path in SCRIPTS if (found := SCRIPT.findall(path.read_text()))} == {}


@pytest.mark.parametrize(
    "code",
    [
        "from zoneinfo import ZoneInfo",
        "import dateutil.tz",
        "date.today()",
        "datetime.now()",
        "datetime.now(zone)",
        "datetime.fromtimestamp(0)",
        "datetime.fromtimestamp(0, zone)",
        "moment.astimezone()",
        "moment.astimezone(zone)",
        "pl.col('at').dt.convert_time_zone(query.period.timezone)",
        "pl.col('at').dt.replace_time_zone('Europe/Berlin')",
        "pl.Datetime('us', 'Europe/Berlin')",
        "text.str.to_datetime(time_zone=zone)",
        "st.column_config.DatetimeColumn(timezone='UTC')",
        "sql = 'SELECT at AT TIME ZONE $zone FROM clicks'",
        "sql = f'SELECT date_trunc(\\'day\\', at) FROM {table}'",
        "sql = 'SELECT CAST(at AS DATE) FROM clicks'",
        "sql = 'SELECT toStartOfHour(at) FROM clicks'",
        "sql = 'SELECT current_date FROM clicks'",
    ],
)
def test_the_rules_find_what_they_forbid(code: str) -> None:
    assert list(offences(code))


@pytest.mark.parametrize(
    "code",
    [
        "datetime.now(UTC)",
        "moment.astimezone(UTC)",
        "datetime.fromtimestamp(0, UTC)",
        "session.now()",
        "pl.Datetime('us', 'UTC')",
        "pl.Datetime('us')",
        "text.str.to_datetime(time_zone='UTC')",
    ],
)
def test_the_rules_leave_utc_alone(code: str) -> None:
    assert list(offences(code)) == []
