"""Who may do what: every role and plan, and that a stranger cannot tell what exists."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.filled import accounts_in

from analytics_core.access.actors import Actor
from analytics_core.access.plans import EXPORTS, FEATURES, has
from analytics_core.access.policy import RULES, Action, Policy, Rule
from analytics_core.errors import ClickledgerError, FeatureLockedError, HandleNotFoundError, InsufficientRoleError
from analytics_core.model import Plan, Role
from analytics_core.store.account_lookup import Accounts
from analytics_core.store.database import Database

ANN, BOB, STRANGER, STAFF = Actor("ann"), Actor("bob"), Actor("eve"), Actor("sue", is_staff=True)


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    database = Database(f"sqlite:///{tmp_path / 'clickledger.sqlite'}")
    accounts_in(database)
    return Accounts(database)


@pytest.mark.parametrize(
    ("actor", "action", "handle", "refusal"),
    [
        (ANN, Action.READ, "acme", None),
        (BOB, Action.READ, "acme", None),
        (BOB, Action.EXPORT, "acme", None),
        (ANN, Action.EXPORT, "big", None),
        (BOB, Action.READ, "zed", None),
        (BOB, Action.EXPORT, "zed", "feature_locked"),
        (ANN, Action.READ, "zed", "handle_not_found"),
        (STRANGER, Action.READ, "acme", "handle_not_found"),
        (STRANGER, Action.READ, "nobody", "handle_not_found"),
        (STAFF, Action.READ, "zed", None),
        (STAFF, Action.READ, "nobody", "handle_not_found"),
        (STAFF, Action.EXPORT, "acme", None),
        (STAFF, Action.EXPORT, "zed", "feature_locked"),
    ],
)
def test_role_first_then_plan(
    accounts: Accounts, actor: Actor, action: Action, handle: str, refusal: str | None
) -> None:
    policy = Policy(accounts)
    assert policy.allows(actor, action, handle) is (refusal is None)
    if refusal is None:
        assert policy.check(actor, action, handle).handle == handle
        return
    with pytest.raises(ClickledgerError) as refused:
        policy.check(actor, action, handle)
    assert refused.value.code == refusal


def test_a_handle_of_others_looks_like_none(accounts: Accounts) -> None:
    policy = Policy(accounts)
    sentences: list[str] = []
    for handle in ("acme", "nobody"):
        with pytest.raises(HandleNotFoundError) as refused:
            policy.check(STRANGER, Action.READ, handle)
        sentences.append(refused.value.message.replace(handle, "…"))
    assert sentences[0] == sentences[1]


def test_a_locked_feature_names_the_plan_that_opens_it(accounts: Accounts) -> None:
    with pytest.raises(FeatureLockedError) as refused:
        Policy(accounts).check(BOB, Action.EXPORT, "zed")
    assert refused.value.extra == {"feature": "exports", "requiredPlan": "PRO"}


def test_a_rule_may_ask_for_more_than_creator(accounts: Accounts) -> None:
    policy = Policy(accounts, {**RULES, Action.EXPORT: Rule(Role.OPERATOR, EXPORTS)})
    with pytest.raises(InsufficientRoleError, match="OPERATOR"):
        policy.check(BOB, Action.EXPORT, "acme")
    assert policy.allows(ANN, Action.EXPORT, "acme")
    assert policy.allows(STAFF, Action.EXPORT, "acme")


def test_everyone_sees_their_handles_and_staff_all(accounts: Accounts) -> None:
    policy = Policy(accounts)
    assert policy.visible_handles(BOB) == ("acme", "zed")
    assert policy.visible_handles(STRANGER) == ()
    assert policy.visible_handles(STAFF) == ("acme", "big", "zed")


def test_every_feature_stays_open_in_the_plans_above() -> None:
    assert all(has(Plan.ENTERPRISE, feature) for feature in FEATURES.values() if has(Plan.PRO, feature))
    assert [has(plan, EXPORTS) for plan in (Plan.FREE, Plan.PRO, Plan.ENTERPRISE)] == [False, True, True]
