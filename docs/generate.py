"""Writes the generated parts of docs/: metrics and settings, from the code that they document. `make docs`."""

from __future__ import annotations

import re
from pathlib import Path

from analytics_core.model import SegmentRules
from analytics_core.query.catalog import DEFINITIONS_VERSION, DIMENSIONS, METRICS
from analytics_core.settings import Settings

DOCS = Path(__file__).parent


def metrics_page() -> str:
    metrics = "\n".join(f"| `{metric.name}` | {metric.definition} |" for metric in METRICS)
    rules = SegmentRules()
    words = {True: "yes", False: "no"}
    dimensions = "\n".join(
        f"| `{one.name}` | {words[one.groups]} | {words[one.filters]} | {one.definition} |"
        for one in DIMENSIONS.values()
    )
    return f"""# Metrics and dimensions

Generated from the catalog that answers are made from (`analytics_core/query/catalog.py`).
Definitions version {DEFINITIONS_VERSION}. Counts are exact integers,
money is exact decimals: replaying, re-delivering or re-ordering logs or conversions never changes a number.

| metric | definition |
| --- | --- |
{metrics}

Which user agents are bots, and how devices and referrers are told apart:
[ingest/classify](../ingest/classify/README.md).

| dimension | groupBy | filter | definition |
| --- | --- | --- | --- |
{dimensions}

Conversions count on their own day, or with `conversionDay=click` on that of their click; in every other dimension where
their click does. Segments are told by what the visitor did before the click, however late that was learnt; the first
that holds:

| segment | |
| --- | --- |
| `unknown` | a bot, or no visitor identity |
| `vip` | {rules.vip_conversions} or more conversions in the {rules.vip_days} days before |
| `customer` | one or more in the {rules.customer_days} days before |
| `engaged_prospect` | {rules.engaged_clicks} or more clicks, or an intent signal with a confidence of at least \
{rules.engaged_confidence}, in the {rules.engaged_days} days before |
| `returning` | a click in the {rules.returning_days} days before |
| `new` | none of these |

Clicks whose log did not carry a dimension are counted under `(not tracked)`, conversions whose click's log line has not
arrived under `(pending)`, rows beyond a limit under `(other)`: every breakdown adds up to the totals.
"""


def settings_table() -> str:
    rows = [
        f"| `CLICKLEDGER_{name.upper()}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| setting | default | meaning |", "| --- | --- | --- |", *rows])


def _default(value: object) -> str:
    text = "" if value is None else str(value)
    return f"`{text if len(text) <= 40 else 'the canonical fields 1 to 46'}`" if text else ""


def operations_page(page: str) -> str:
    marked = re.compile(r"(<!-- settings: [^\n]*-->\n).*?(<!-- end of settings -->)", re.DOTALL)
    return marked.sub(lambda found: f"{found[1]}{settings_table()}\n{found[2]}", page)


def pages() -> dict[Path, str]:
    """Every generated page with what it must say."""
    operations = DOCS / "operations.md"
    return {DOCS / "metrics.md": metrics_page(), operations: operations_page(operations.read_text())}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
