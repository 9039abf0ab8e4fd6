"""Who may do what with which handle: role first, then plan. The only gate; screens ask it before they draw a lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from analytics_core.access.actors import Actor
from analytics_core.access.plans import EXPORTS, Feature, has
from analytics_core.errors import FeatureLockedError, HandleNotFoundError, InsufficientRoleError
from analytics_core.model import Role
from analytics_core.store.accounts import Account, Accounts

ROLES: Final = (Role.CREATOR, Role.OPERATOR, Role.OWNER)  # each may do what those before it may


class Action(StrEnum):
    """What an actor wants to do with a handle's numbers."""

    READ = "analytics.read"
    EXPORT = "analytics.export"


@dataclass(frozen=True, slots=True)
class Rule:
    """What an action takes: at least this role on the handle and, where there is one, this feature in its plan."""

    role: Role
    feature: Feature | None = None


RULES: Final[Mapping[Action, Rule]] = MappingProxyType(
    {
        Action.READ: Rule(Role.CREATOR),
        Action.EXPORT: Rule(Role.CREATOR, EXPORTS),
    }
)


class Policy:
    """Decides from the accounts as they are at the moment of the question."""

    def __init__(self, accounts: Accounts, rules: Mapping[Action, Rule] = RULES) -> None:
        self._accounts = accounts
        self._rules = rules

    def check(self, actor: Actor, action: Action, handle: str) -> Account:
        """The account, when the actor may. Raises HandleNotFoundError, InsufficientRoleError or FeatureLockedError.

        An unknown handle and a handle on which the actor has no role look the same.
        """
        account = self._accounts.find(handle)
        role = self._accounts.role(handle, actor.user_id)
        if account is None or not (actor.is_staff or role is not None):
            raise HandleNotFoundError(f"There is no handle {handle!r} that you may see.")
        rule = self._rules[action]
        if not actor.is_staff and (role is None or ROLES.index(role) < ROLES.index(rule.role)):
            raise InsufficientRoleError(f"This needs the role {rule.role} or above on {handle!r}; yours is {role}.")
        if rule.feature is not None and not has(account.plan, rule.feature):
            raise FeatureLockedError(
                f"{rule.feature.title} need the plan {rule.feature.required_plan} or above; "
                f"{handle!r} is on {account.plan}.",
                feature=rule.feature.name,
                requiredPlan=rule.feature.required_plan.value,
            )
        return account

    def allows(self, actor: Actor, action: Action, handle: str) -> bool:
        """Whether `check` would let the actor pass."""
        try:
            self.check(actor, action, handle)
        except (HandleNotFoundError, InsufficientRoleError, FeatureLockedError):
            return False
        return True

    def visible_handles(self, actor: Actor) -> tuple[str, ...]:
        """The handles that the actor may know of, in alphabetical order; all of them for staff."""
        return self._accounts.all_handles() if actor.is_staff else self._accounts.handles_of(actor.user_id)
