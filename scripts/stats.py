# SPDX-License-Identifier: MIT
"""Order statistics of block medians: the only inference that the reports make.

The driver computes every metric's own interval. What is left for the reports are ratios and
differences of two cases of one run, paired by block: blocks are interleaved, so that drift and
noisy neighbours hit both sides of a pair alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

LEVEL = 0.95
FEWEST = 6  # with fewer blocks not even minimum and maximum hold the median with 95 %
RESAMPLES, SEED = 2000, 1


@dataclass(frozen=True)
class Estimate:
    """A median, its interval (None below 6 blocks) and the number of pairs behind it."""

    value: float
    ci: tuple[float, float] | None
    n: int

    @property
    def low(self) -> float:
        return self.ci[0] if self.ci else self.value

    @property
    def high(self) -> float:
        return self.ci[1] if self.ci else self.value


def median_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float] | None:
    """Distribution-free interval of the median: the narrowest symmetric ranks that cover level.

    Ranks r and n+1-r hold the median with probability 1 - 2 P(Binomial(n, 1/2) < r), see
    David and Nagaraja, Order Statistics, 7.1. None when even minimum and maximum do not reach it.
    """
    ordered = sorted(values)
    n = len(ordered)
    best = 0
    for rank in range(1, n // 2 + 1):
        if 1 - 2 * binom.cdf(rank - 1, n, 0.5) >= level:
            best = rank
    return (ordered[best - 1], ordered[n - best]) if best else None


def estimate(values: Sequence[float]) -> Estimate | None:
    """Median and interval of block values; None without any."""
    if not values:
        return None
    return Estimate(float(np.median(values)), median_interval(values), len(values))


#: A case's block medians by the run's block index; None: a block without a sample.
Blocks = Mapping[int, float | None]


def paired(top: Blocks, bottom: Blocks, op: Callable[[float, float], float]) -> Estimate | None:
    """op of two cases in every block of the run in which both have a median.

    By the block's index, never by its place in a list: a case with 12 of 16 blocks has other
    blocks than its first 12.
    """
    both = sorted(top.keys() & bottom.keys())
    pairs = [(a, b) for i in both if (a := top[i]) is not None and (b := bottom[i]) is not None]
    return estimate([op(a, b) for a, b in pairs])


def ratio(top: Blocks, bottom: Blocks) -> Estimate | None:
    """top ÷ bottom, paired by block; blocks in which bottom is 0 do not count."""
    return paired(top, {i: b or None for i, b in bottom.items()}, lambda a, b: a / b)


def difference(top: Blocks, bottom: Blocks) -> Estimate | None:
    """top - bottom, paired by block."""
    return paired(top, bottom, lambda a, b: a - b)


def ratio_of_medians(top: Sequence[float], bottom: Sequence[float]) -> Estimate | None:
    """median(top) ÷ median(bottom) of two samples that have no pairs, e.g. of another program.

    The interval is the percentile bootstrap's, both sides drawn anew and independently, always
    from the same seed; None with fewer than 6 values on a side.
    """
    if not top or not bottom or not np.median(bottom):
        return None
    value, n = float(np.median(top) / np.median(bottom)), min(len(top), len(bottom))
    if n < FEWEST:
        return Estimate(value, None, n)
    random = np.random.default_rng(SEED)
    drawn = [np.median(random.choice(np.asarray(side), (RESAMPLES, len(side))), axis=1)
             for side in (top, bottom)]
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(drawn[0] / drawn[1], (tail, 100 - tail))
    return Estimate(value, (float(low), float(high)), n)
