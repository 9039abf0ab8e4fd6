"""Drawing lots: weighted rows, whole shares of a total, and noise that a request keeps wherever it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Weights = NDArray[np.float64]

_GOLDEN: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Chances:
    """Rows of a table and how likely each is; `weights` add up to one."""

    rows: Rows
    weights: Weights

    def draw(self, rng: np.random.Generator, count: int) -> Rows:
        return rng.choice(self.rows, count, p=self.weights)


def chances(rows: Sequence[int] | Rows, weights: Sequence[float] | Weights) -> Chances:
    relative = np.asarray(weights, dtype=np.float64)
    return Chances(np.asarray(rows, dtype=np.int64), relative / relative.sum())


def mixed(parts: Sequence[tuple[Chances, float]]) -> Chances:
    """One draw from parts that are themselves weighted."""
    rows = np.concatenate([part.rows for part, _ in parts])
    return chances(rows, np.concatenate([part.weights * weight for part, weight in parts]))


def zipf(count: int, exponent: float = 1.05) -> Weights:
    """The long tail: the weight of each of `count` ranks, the first the heaviest."""
    relative = (np.arange(count) + 1.5) ** -exponent
    return relative / relative.sum()


def allot(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers in proportion to `shares` that add up to `total` exactly (largest remainders)."""
    whole = sum(shares.values())
    exact = {name: total * share / whole for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def noise(serials: NDArray[np.uint64], seed: int, words: int) -> NDArray[np.uint64]:
    """`words` random 64-bit words for each serial number (splitmix64): the same for the same serial, in any order.

    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
    """
    with np.errstate(over="ignore"):
        start = (serials * np.uint64(words) + np.uint64((seed * 0x632BE59BD9B4E019) % 2**64))[:, None]
        state = (start + np.arange(1, words + 1, dtype=np.uint64)) * np.uint64(_GOLDEN)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))
