"""Which feature needs which plan, as data. A plan has everything that the plans before it have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from analytics_core.model import Plan

PLANS: Final = (Plan.FREE, Plan.PRO, Plan.ENTERPRISE)  # each includes those before it


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that a handle's plan opens. `title` begins the sentence that says it is locked."""

    name: str
    title: str
    required_plan: Plan


EXPORTS: Final = Feature("exports", "Exports", Plan.PRO)

FEATURES: Final = {feature.name: feature for feature in (EXPORTS,)}


def has(plan: Plan, feature: Feature) -> bool:
    """Whether a handle on `plan` has the feature."""
    return PLANS.index(plan) >= PLANS.index(feature.required_plan)
