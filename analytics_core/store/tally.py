"""Whether a roll-up fits the facts that it was derived from: how many of their rows it holds, and how many there are.

Both numbers stand as transactions in the log of the roll-up, written by the very commit that folds facts in. A wrong
roll-up therefore says so by itself, and nobody answers from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from deltalake import DeltaTable, Transaction

from analytics_core.store.lake_tables import TableSpec


@dataclass(frozen=True, slots=True)
class Tally:
    """Up to the commit `version` of a table of facts, `facts` rows are there, and the roll-up holds `held` of them.

    `said_at`: the version of the roll-up that says so. What another commit has done to the roll-up since, it does not
    know.
    """

    version: int
    held: int
    facts: int
    said_at: int

    @property
    def fits(self) -> bool:
        return self.held == self.facts

    def transactions(self, facts: TableSpec) -> list[Transaction]:
        return [Transaction(_name(facts, field), getattr(self, field)) for field in _FIELDS]


_FIELDS = ("version", "held", "facts", "said_at")


def tally_of(rollup: DeltaTable, facts: TableSpec) -> Tally | None:
    """What the roll-up says of a table of facts; None when its newest commits do not say it, as those of release 0.1.0
    do not."""
    said = {field: rollup.transaction_version(_name(facts, field)) for field in _FIELDS}
    tally = Tally(**{field: -1 if number is None else number for field, number in said.items()})
    derived_up_to = rollup.transaction_version(facts.name)
    return tally if None not in said.values() and tally.version == derived_up_to else None


def _name(facts: TableSpec, field: str) -> str:
    return f"tally:{facts.name}:{field}"
