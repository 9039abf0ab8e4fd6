"""Whether an actor may do something with a handle now. The only gate; screens ask it before they draw a lock."""

from __future__ import annotations

from collections.abc import Mapping

from analytics_core.access.actors import Actor
from analytics_core.access.plans import Feature
from analytics_core.access.rules import RULES, Action, Permissions, PolicyRefusal, RefusalReason, Rule, refusal
from analytics_core.errors import (
    ClickledgerError,
    FeatureLockedError,
    HandleNotFoundError,
    InsufficientRoleError,
    InsufficientScopeError,
)
from analytics_core.model import Role
from analytics_core.store.account_lookup import Account, Accounts


class Policy:
    """Decides from the accounts as they are at the moment of the question: a downgrade counts at once."""

    def __init__(self, accounts: Accounts, rules: Mapping[Action, Rule] = RULES) -> None:
        self._accounts = accounts
        self._rules = rules

    def check(self, actor: Actor, action: Action, handle: str) -> Account:
        """The account, when the actor may.

        Raises HandleNotFoundError, InsufficientRoleError, InsufficientScopeError or FeatureLockedError. An unknown
        handle and a handle on which the actor has no role look the same.
        """
        account = self._accounts.find(handle)
        role = self._accounts.role(handle, actor.user_id)  # also of an unknown handle: the time tells nothing either
        is_bound_elsewhere = actor.handle is not None and actor.handle != handle
        if account is None or is_bound_elsewhere:
            raise hidden(handle)
        permissions = Permissions(actor.kind, role, account.plan, actor.scopes)
        refused = refusal(permissions, action, self._rules[action])
        if refused is not None:
            raise self._error(refused, action, account, role)
        return account

    def allows(self, actor: Actor, action: Action, handle: str) -> bool:
        """Whether `check` would let the actor pass."""
        try:
            self.check(actor, action, handle)
        except (HandleNotFoundError, InsufficientRoleError, InsufficientScopeError, FeatureLockedError):
            return False
        return True

    def check_reviewer(self, actor: Actor) -> None:
        """What concerns no handle is for reviewers. Raises InsufficientRoleError."""
        if not actor.is_staff:
            raise InsufficientRoleError("This is for reviewers; ask for a handle of yours.")

    def visible_handles(self, actor: Actor) -> tuple[str, ...]:
        """The handles that the actor may know of, in alphabetical order; all of them for staff."""
        if actor.is_staff:
            return self._accounts.all_handles()
        own = self._accounts.handles_of(actor.user_id)
        return own if actor.handle is None else tuple(handle for handle in own if handle == actor.handle)

    def find_handles(self, actor: Actor, text: str, limit: int = 50) -> tuple[str, ...]:
        """Those of the visible handles whose name has the text in it, the first ones in alphabetical order."""
        if actor.is_staff:
            return self._accounts.find_handles(text.strip().lower(), limit)
        return tuple(one for one in self.visible_handles(actor) if text.strip().lower() in one)[:limit]

    def _error(self, refused: PolicyRefusal, action: Action, account: Account, role: Role | None) -> ClickledgerError:
        handle, needed = account.handle, self._rules[action].role
        if refused.feature is not None:
            return _locked(refused.feature, account)
        if refused.why is RefusalReason.HANDLE:
            return hidden(handle)
        if refused.why is RefusalReason.SCOPE:
            return InsufficientScopeError(f"This needs a token with the scope {action}.")
        yours = "you are a reviewer, who changes nothing" if role is None else f"yours is {role}"
        return InsufficientRoleError(f"This needs the role {needed} or above on {handle!r}; {yours}.")


def _locked(feature: Feature, account: Account) -> FeatureLockedError:
    return FeatureLockedError(
        f"{feature.title} need the plan {feature.required_plan} or above; {account.handle!r} is on {account.plan}.",
        feature=feature.name,
        requiredPlan=feature.required_plan.value,
    )


def hidden(handle: str) -> HandleNotFoundError:
    """What an actor hears of a handle that is not there, or not for them."""
    return HandleNotFoundError(f"There is no handle {handle!r} that you may see.")
