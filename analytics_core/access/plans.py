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
    opens: str


EXPORTS: Final = Feature("exports", "Exports", Plan.PRO, "Downloads as CSV and JSON, and scheduled exports.")
GROWTH_TOOLS: Final = Feature(
    "growth_tools", "Growth tools", Plan.PRO, "Personal access tokens: making and using them."
)

FEATURES: Final = {feature.name: feature for feature in (EXPORTS, GROWTH_TOOLS)}


def has(plan: Plan, feature: Feature) -> bool:
    """Whether a handle on `plan` has the feature."""
    return PLANS.index(plan) >= PLANS.index(feature.required_plan)
