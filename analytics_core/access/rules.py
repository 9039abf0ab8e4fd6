"""Who may do what, as rows: every action with what it takes, every kind of actor with the doors that it comes through.

`docs/access.md` is written from these rows, and the tests of the routes hold the API to that page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from analytics_core.access.actors import ActorKind
from analytics_core.access.plans import EXPORTS, GROWTH_TOOLS, Feature, has
from analytics_core.access.scopes import covers
from analytics_core.model import Plan, Role

ROLES: Final = (Role.CREATOR, Role.OPERATOR, Role.OWNER)  # each may do what those before it may


class Action(StrEnum):
    """What an actor wants to do with a handle. Of those that a token may do, the value is the scope."""

    READ = "analytics.read"
    EXPORT = "analytics.export"
    MAKE_TOKENS = "tokens.make"
    MANAGE_TOKENS = "tokens.manage"
    READ_AUDIT = "audit.read"


class Door(StrEnum):
    """A family of routes, or the screens."""

    DASHBOARD = "dashboard"
    USERS = "/v2/handles/*"
    TOKENS = "/v2/public/handles/*"


@dataclass(frozen=True, slots=True)
class Rule:
    """What an action takes: at least this role on the handle and, where there is one, this feature in its plan."""

    role: Role
    feature: Feature | None = None
    for_staff: bool = True  # reviewers read; they change nothing where they have no role of their own
    for_tokens: bool = False
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class KindRule:
    """Through which doors a kind of actor comes, and the feature that it needs beside the action's own."""

    doors: tuple[Door, ...]
    feature: Feature | None = None
    meaning: str = ""


RULES: Final[Mapping[Action, Rule]] = MappingProxyType(
    {
        Action.READ: Rule(Role.CREATOR, for_tokens=True, meaning="Numbers, on screen and as JSON."),
        Action.EXPORT: Rule(Role.CREATOR, EXPORTS, for_tokens=True, meaning="Downloads and their manifests."),
        Action.MAKE_TOKENS: Rule(Role.OPERATOR, GROWTH_TOOLS, for_staff=False, meaning="Make personal access tokens."),
        Action.MANAGE_TOKENS: Rule(
            Role.OPERATOR, for_staff=False, meaning="List and revoke personal access tokens, whatever the plan."
        ),
        Action.READ_AUDIT: Rule(Role.OWNER, meaning="The audit log of the handle."),
    }
)

KINDS: Final[Mapping[ActorKind, KindRule]] = MappingProxyType(
    {
        ActorKind.USER: KindRule(
            (Door.DASHBOARD, Door.USERS), meaning="A user JWT, or OpenID Connect on the dashboard."
        ),
        ActorKind.DEMO: KindRule((Door.DASHBOARD, Door.USERS), meaning="A demo user; nobody unless demo mode is on."),
        ActorKind.STAFF: KindRule((Door.DASHBOARD, Door.USERS), meaning="A reviewer: reads every handle."),
        ActorKind.TOKEN: KindRule(
            (Door.TOKENS,), GROWTH_TOOLS, "A personal access token: one handle, in the name of its maker."
        ),
    }
)


class RefusalReason(StrEnum):
    """Why not, in the words of the API's errors."""

    HANDLE = "handle_not_found"
    ROLE = "insufficient_role"
    SCOPE = "insufficient_scope"
    FEATURE = "feature_locked"


@dataclass(frozen=True, slots=True)
class PolicyRefusal:
    """`feature` is what the plan lacks, when that is why."""

    why: RefusalReason
    feature: Feature | None = None


@dataclass(frozen=True, slots=True)
class Permissions:
    """How an actor stands to a handle: its kind, its role there, the handle's plan, and the scopes of its token."""

    kind: ActorKind
    role: Role | None
    plan: Plan
    scopes: frozenset[str] = frozenset()


def refusal(permissions: Permissions, action: Action, rule: Rule) -> PolicyRefusal | None:
    """Why the actor may not; None when it may. Role and scope come before plan."""
    kind, role = permissions.kind, permissions.role
    if kind is not ActorKind.STAFF and role is None:
        return PolicyRefusal(RefusalReason.HANDLE)
    if kind is ActorKind.TOKEN and not (rule.for_tokens and covers(permissions.scopes, action)):
        return PolicyRefusal(RefusalReason.SCOPE)
    if not _role_suffices(kind, rule, role):
        return PolicyRefusal(RefusalReason.ROLE)
    for feature in (rule.feature, KINDS[kind].feature):
        if feature is not None and not has(permissions.plan, feature):
            return PolicyRefusal(RefusalReason.FEATURE, feature)
    return None


def _role_suffices(kind: ActorKind, rule: Rule, role: Role | None) -> bool:
    if kind is ActorKind.STAFF and rule.for_staff:
        return True
    return role is not None and ROLES.index(role) >= ROLES.index(rule.role)
