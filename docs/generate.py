"""Writes the generated parts of docs/: metrics, access and settings, from the code that they document. `make docs`."""

from __future__ import annotations

import re
from pathlib import Path

from analytics_core.access.actors import ActorKind
from analytics_core.access.plans import FEATURES, PLANS, has
from analytics_core.access.rules import KINDS, ROLES, RULES, Action, Permissions, RefusalReason, refusal
from analytics_core.access.scopes import SCOPES, covers
from analytics_core.dimensions import DIMENSIONS
from analytics_core.metrics import METRICS
from analytics_core.model import Plan, Role, SegmentRules
from analytics_core.query.catalog import DEFINITIONS_VERSION
from analytics_core.settings import Settings

DOCS = Path(__file__).parent


def metrics_page() -> str:
    metrics = "\n".join(f"| `{metric.name}` | {metric.definition} |" for metric in METRICS)
    rules = SegmentRules()
    dimensions = "\n".join(
        f"| {one.label} | {_word(one.name, one.groups)} | {_word(one.word, one.filters)} | {one.definition} |"
        for one in DIMENSIONS
    )
    return f"""# Metrics and dimensions

Generated from the rows that answers are made from (`analytics_core/metrics.py`, `analytics_core/dimensions.py`).
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


def _word(word: str, is_there: bool) -> str:
    return f"`{word}`" if is_there else ""


def access_page() -> str:
    columns = " | ".join(f"{role}" for role in ROLES)
    roles = "\n".join(
        f"| `{action}` | {' | '.join(_outcome(action, _of_user(role)) for role in (None, *ROLES))} "
        f"| {_outcome(action, Permissions(ActorKind.STAFF, None, Plan.ENTERPRISE))} "
        f"| {_feature(action)} | {rule.meaning} |"
        for action, rule in RULES.items()
    )
    plans = "\n".join(
        f"| `{one.name}` | {' | '.join(_yes(has(plan, one), RefusalReason.FEATURE) for plan in PLANS)} | {one.opens} |"
        for one in FEATURES.values()
    )
    scopes = "\n".join(
        f"| `{scope}` | {' | '.join(_yes(covers([scope], one), RefusalReason.SCOPE) for one in _FOR_TOKENS)} |"
        for scope in SCOPES
    )
    kinds = "\n".join(
        f"| {kind} | {', '.join(f'`{door}`' for door in rule.doors)} "
        f"| {f'`{rule.feature.name}`' if rule.feature else ''} | {rule.meaning} |"
        for kind, rule in KINDS.items()
    )
    return f"""# Who may see what

Generated from the rows that decide it (`analytics_core/access/rules.py`, `plans.py`, `scopes.py`). One policy answers
for API, dashboard, downloads and scheduled exports, from the accounts as they are at that moment: a new role or plan
counts at once.

## Who asks

| actor | doors | needs | |
| --- | --- | --- | --- |
{kinds}

A token at another door than its own is `invalid_token`. A personal access token opens one handle, and only while its
maker has a role there: a load of the accounts that removes the maker revokes it, for good.

## Role × action

| action | no role | {columns} | STAFF | needs | |
| --- | --- |{" --- |" * len(ROLES)} --- | --- | --- |
{roles}

What concerns no handle, `GET /v2/audit` and `GET /v2/posts`, is for STAFF alone: `insufficient_role` for others.
A handle on which one has no role looks like one that does not exist. Role and scope are looked at before the plan.

## Scope × action

| scope | {" | ".join(f"`{action}`" for action in _FOR_TOKENS)} |
| --- |{" --- |" * len(_FOR_TOKENS)}
{scopes}

## Plan × feature

| feature | {" | ".join(PLANS)} | opens |
| --- |{" --- |" * len(PLANS)} --- |
{plans}
"""


_FOR_TOKENS = tuple(action for action, rule in RULES.items() if rule.for_tokens)


def _of_user(role: Role | None) -> Permissions:
    return Permissions(ActorKind.USER, role, Plan.ENTERPRISE)


def _outcome(action: Action, standing: Permissions) -> str:
    refused = refusal(standing, action, RULES[action])
    return "yes" if refused is None else f"`{refused.why}`"


def _yes(is_open: bool, otherwise: RefusalReason) -> str:
    return "yes" if is_open else f"`{otherwise}`"


def _feature(action: Action) -> str:
    feature = RULES[action].feature
    return f"`{feature.name}`" if feature else ""


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
    generated = {DOCS / "metrics.md": metrics_page(), DOCS / "access.md": access_page()}
    return generated | {operations: operations_page(operations.read_text())}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
