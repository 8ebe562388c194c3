# SPDX-License-Identifier: MIT
"""Base against new, by block medians: ratio, interval and one of four words.

Blocks are the unit of inference: samples of a block share its server, its memory layout and its
noise, so that tests on samples find differences between a machine and itself.

The ratio is new ÷ base: without pairs of the medians of the block medians, which are what the
tables show; with pairs the median of the pairs' ratios, because what hits both sides of a pair
(drift, a busy neighbour) cancels only within it.

The interval is a bootstrap's, on the log ratio, corrected for few blocks: blocks (or pairs) are
drawn anew, and the standard deviation of the drawn log ratios is multiplied by Student's t
(degrees of freedom: pairs - 1, without pairs Welch's). The plain percentile interval of a median
is too narrow: with 8 blocks it covered 0.92 of the truths, this one 0.96 (lognormal blocks); and a
t interval of the mean covered as little as 0.79 once one block in ten had been disturbed.
What it cannot see is the variance between runs: separate files need more than blocks to tell a
change from another day. Pairs within one run do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, inf, log, log1p

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from stats import FEWEST, LEVEL, Blocks

FASTER, SLOWER, EQUIVALENT, INCONCLUSIVE = "faster", "slower", "equivalent", "inconclusive"
#: The least difference that is worth a verdict.
MARGIN = 0.02
RESAMPLES = 4000
#: More blocks than this is no advice: another way to measure is needed.
MOST_BLOCKS = 1000

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """What the blocks tell, before any level or margin is chosen."""

    ratio: float | None  # None: a side has nothing
    error: float | None  # standard error of log ratio; None: too few blocks
    freedom: float
    n_base: int
    n_new: int

    @property
    def p(self) -> float | None:
        """Two-sided, of a ratio of 1."""
        if self.ratio is None or self.error is None:
            return None
        if self.error == 0:
            return 1.0 if self.ratio == 1 else 0.0
        return float(2 * stdtr(self.freedom, -abs(log(self.ratio)) / self.error))

    def half(self, level: float) -> float | None:
        """Half the interval's width, on the log ratio."""
        if self.error is None:
            return None
        return float(stdtrit(self.freedom, 0.5 + level / 2)) * self.error


@dataclass(frozen=True)
class Noise:
    """So many of the blocks of a side, or of the pairs, were over a bound of noise."""

    over: int
    blocks: int


@dataclass(frozen=True)
class Verdict:
    """A ratio with its interval, and the word for it."""

    ratio: float | None
    low: float | None
    high: float | None
    n_base: int
    n_new: int
    word: str
    more_blocks: int | None = None  # about so many on each side would settle it; None: no telling
    level: float = LEVEL  # of the interval
    p: float | None = None
    tested: float = LEVEL  # faster and slower: 1 is outside an interval of this level
    noise: Noise | None = None  # why it is inconclusive, whatever the interval (see loaded.py)

    @property
    def differs(self) -> bool:
        """Surely, however little."""
        return self.p is not None and self.p <= 1 - self.tested


@lru_cache(maxsize=256)
def _middles(n: int, seed: int, side: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Ranks of the two middle values of every resample of n values; for odd n they are the same.

    They do not depend on the values: a median of a resample is a look-up in the sorted values.
    """
    random = np.random.default_rng((seed, n, side))
    drawn = np.sort(random.integers(0, n, (RESAMPLES, n)), axis=1)
    return drawn[:, (n - 1) // 2].copy(), drawn[:, n // 2].copy()


def _medians(values: Array, seed: int, side: int) -> Array:
    """The median of every resample."""
    ordered = np.sort(values)
    low, high = _middles(len(ordered), seed, side)
    return (ordered[low] + ordered[high]) / 2


def _usable(blocks: Blocks) -> dict[int, float]:
    """A block without a sample has no median; 0 has no logarithm."""
    return {i: v for i, v in blocks.items() if v is not None and v > 0}


def _paired(base: dict[int, float], new: dict[int, float], seed: int) -> Spread:
    both = sorted(base.keys() & new.keys())
    logs = np.array([log(new[i] / base[i]) for i in both])
    n = len(both)
    if n == 0:
        return Spread(None, None, 0, 0, 0)
    ratio = exp(float(np.median(logs)))
    error = float(_medians(logs, seed, 0).std()) if n >= FEWEST else None
    return Spread(ratio, error, n - 1, n, n)


def _welch(errors: tuple[float, float], counts: tuple[int, int]) -> float:
    """Degrees of freedom of a sum of two variances."""
    parts = [e * e for e in errors]
    below = sum(v * v / (n - 1) for v, n in zip(parts, counts))
    return sum(parts) ** 2 / below if below > 0 else min(counts) - 1


def _separate(base: dict[int, float], new: dict[int, float], seed: int) -> Spread:
    sides = [np.array([side[i] for i in sorted(side)]) for side in (base, new)]
    counts = len(base), len(new)
    if min(counts) == 0:
        return Spread(None, None, 0, *counts)
    ratio = float(np.median(sides[1]) / np.median(sides[0]))
    if min(counts) < FEWEST:
        return Spread(ratio, None, 0, *counts)
    first, second = (float(np.log(_medians(side, seed, i)).std()) for i, side in enumerate(sides))
    return Spread(ratio, (first * first + second * second) ** 0.5,
                  _welch((first, second), counts), *counts)


def measure(base: Blocks, new: Blocks, *, paired: bool, seed: int = 1) -> Spread:
    """Ratio and standard error; pairs are blocks of the same index."""
    return (_paired if paired else _separate)(_usable(base), _usable(new), seed)


def of_itself(blocks: Blocks) -> Spread:
    """Of blocks and the very same ones again, however few: 1, without an error."""
    n = len(_usable(blocks))
    return Spread(1.0, 0.0, max(n - 1, 1), n, n)


def _word(ratio: float, interval: tuple[float, float], differs: bool, margin: float) -> str:
    if interval[0] >= 1 / (1 + margin) and interval[1] <= 1 + margin:
        return EQUIVALENT
    if differs and ratio > 1 + margin:
        return SLOWER
    if differs and ratio < 1 / (1 + margin):
        return FASTER
    return INCONCLUSIVE


def _more_blocks(found: Spread, margin: float, level: float, tested: float) -> int | None:
    """How many more, if the ratio stays: the interval narrows as the root of their number."""
    assert found.ratio is not None
    away, bound = abs(log(found.ratio)), log1p(margin)
    room, half = (away, found.half(tested)) if away > bound else (bound - away, found.half(level))
    assert half is not None
    n = min(found.n_base, found.n_new)
    wanted = n * (half / room) ** 2 if room > 0 else inf
    return max(1, ceil(wanted) - n) if wanted <= MOST_BLOCKS else None


def judge(found: Spread, margin: float, level: float = LEVEL, tested: float | None = None
          ) -> Verdict:
    """The interval at this level, and the word for it; smaller is faster.

    slower: the interval excludes 1 and the ratio exceeds 1 + margin; faster: likewise below
    1 / (1 + margin); equivalent: the whole interval lies between them; else inconclusive.
    tested: where several are judged at once, the level at which 1 is to be excluded (holm_levels).
    """
    tested = level if tested is None else tested
    counts, half = (found.n_base, found.n_new), found.half(level)
    if found.ratio is None or half is None:
        missing = max(FEWEST - min(counts), 1)
        return Verdict(found.ratio, None, None, *counts, INCONCLUSIVE, missing, level, None, tested)
    low, high = found.ratio * exp(-half), found.ratio * exp(half)
    differs = found.p is not None and found.p <= 1 - tested
    word = _word(found.ratio, (low, high), differs, margin)
    more = _more_blocks(found, margin, level, tested) if word == INCONCLUSIVE else None
    return Verdict(found.ratio, low, high, *counts, word, more, level, found.p, tested)


def compare_blocks(base: Blocks, new: Blocks, *, paired: bool, margin: float,
                   level: float = LEVEL, seed: int = 1) -> Verdict:
    """One comparison. With fewer than 6 blocks a side (or pairs): no interval, inconclusive."""
    return judge(measure(base, new, paired=paired, seed=seed), margin, level)


def holm_levels(ps: Sequence[float | None], level: float = LEVEL) -> list[float]:
    """At which level each of a family is to be tested: what is rejected is what Holm rejects.

    Ascending by p, the i-th of m is tried at alpha / (m - i + 1), until one is not rejected; that
    one and all behind it keep its level. One without a p is of the family, and never rejected.
    """
    m, alpha = len(ps), 1 - level
    ordered = sorted(range(m), key=lambda i: inf if (p := ps[i]) is None else p)
    levels, tried, stopped = [level] * m, alpha, False
    for rank, i in enumerate(ordered):
        if not stopped:
            tried = alpha / (m - rank)
            p = ps[i]
            stopped = p is None or p > tried
        levels[i] = 1 - tried
    return levels
