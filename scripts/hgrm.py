# SPDX-License-Identifier: MIT
"""HdrHistogram's percentile text, from exact samples instead of buckets.

Values are µs with three decimals: nothing of a ns is lost, and the column stays narrow enough for
readers that want a blank before it. Levels are HdrHistogram's: five to each half of what is left
to 100 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal

import numpy as np

from runfile import Metric

TICKS = 5


def levels() -> Iterator[float]:
    """Percentiles from 0 towards 100 without end."""
    level = 0.0
    while level < 100.0:
        yield level
        halves = math.floor(math.log2(100.0 / (100.0 - level))) + 1
        level += 100.0 / (TICKS * 2 ** halves)


def _rank(level: float, n: int) -> int:
    """The first of n ordered values, from 1, at which so many per cent are reached."""
    rank = max(1, math.floor(level * n / 100.0))
    return rank if 100.0 * rank / n >= level else rank + 1


def _row(value: float, level: float, count: int) -> str:
    row = f"{value / 1000:12.3f} {level / 100:2.12f} {count:10d}"
    return row if level == 100.0 else f"{row} {1 / (1 - level / 100):14.2f}"


def rows(ordered: Sequence[float], ranks: Sequence[int], n: int) -> Iterator[str]:
    """ordered: values whose ranks (ascending, from 1, up to n) are known among n of them."""
    for level in levels():
        at = int(np.searchsorted(ranks, _rank(level, n)))
        count = int(ranks[int(np.searchsorted(ordered, ordered[at], "right")) - 1])
        yield _row(ordered[at], level, count)
        if count >= n:
            break
    yield _row(ordered[-1], 100.0, n)


def _micro(ns: float) -> str:
    """With all the digits that run.json has."""
    return f"{Decimal(f'{ns:.15g}').scaleb(-3):12f}"


def _text(head: str, body: Iterator[str], mean: float, deviation: float, most: float, n: int,
          buckets: int) -> str:
    return "\n".join([
        f"#[{head}]", f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}",
        "", *body, f"#[Mean    = {_micro(mean)}, StdDeviation   = {_micro(deviation)}]",
        f"#[Max     = {_micro(most)}, Total count    = {n:12d}]",
        f"#[Buckets = {buckets:12d}, SubBuckets     = {1:12d}]", ""])


def of_samples(name: str, spans: np.ndarray) -> str:
    """spans: ns, ascending; each distinct one is a bucket."""
    n = len(spans)
    return _text(f"{name}, in us, {n} samples, exact", rows(spans, range(1, n + 1), n),
                 int(spans.sum()) / n, float(spans.std()), float(spans[-1]), n, len(np.unique(spans)))


def of_quantiles(name: str, metric: Metric, points: list[float], mean: float) -> str:
    """points: evenly spaced order statistics. A level between two shows the upper one."""
    n, last = metric.n, max(1, len(points) - 1)
    ranks = [i * (n - 1) // last + 1 for i in range(len(points))]
    exact = len(points) == n
    head = f"{name}, in us, " + (
        f"{n} samples, exact, from run.json" if exact else
        f"from {len(points)} quantiles in run.json of {n} samples, whose file is not there: "
        "values between two are the upper one; the deviation is theirs")
    return _text(head, rows(points, ranks, n), mean, float(np.std(points)), points[-1], n,
                 len(set(points)))
