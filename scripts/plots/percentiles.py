# SPDX-License-Identifier: MIT
"""Latency by percentile, the last nines stretched: the tail is as wide as the middle."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import units
from derive import groups
from plots import style
from runfile import Case, Metric, Run

#: Shares and their names on the axis, which is logarithmic in the rest: 1 ÷ (1 − share).
NINES = ((0.0, "0"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"),
         (0.9999, "99.99 %"))


def rest(share: float) -> float:
    return 1 / (1 - share)


def draw(run: Run, out: Path) -> str | None:
    """A row per group, a column per metric."""
    found = [g for g in groups(run) if any(c.ecdf("ready") or c.ecdf("worked") for c in g.cases)]
    if not found:
        return None
    heights = [max(2.9, 0.5 + 0.175 * len(g.cases)) for g in found]
    fig, axes = style.figure(len(found), 2, (10.5, sum(heights) + 0.6), heights)
    for row, group in zip(axes, found):
        for ax, name in zip(row, ("ready", "worked")):
            _panel(ax, list(group.cases), name)
            ax.set_title(name, loc="right", fontweight="normal", color=style.MUTED)
        row[0].set_title(f"{group.title}\n")
        row[1].legend(*row[0].get_legend_handles_labels(), fontsize=8, loc="upper left",
                      bbox_to_anchor=(1.01, 1))
    cases = [c for g in found for c in g.cases]
    style.save(fig, run, out, "latency of all samples by percentile, no outlier removed; a curve "
               "ends at its slowest sample; log-log; "
               + style.counts(cases).replace("point", "curve"))
    return "Percentiles of ready. " + " ".join(_say(c) for c in cases if c.metric("ready"))


def _curve(case: Case, metric: Metric) -> tuple[list[float], list[float]]:
    """Rest and ns, ascending. A file has so many quantiles at most, but always the slowest."""
    values = [v for v in case.ecdf(metric.name) if v > 0]
    shares = [(i + 0.5) / len(values) for i in range(len(values))]
    last = (metric.n - 0.5) / metric.n
    if values and metric.maximum and last > shares[-1]:
        shares, values = [*shares, last], [*values, metric.maximum]
    return [rest(s) for s in shares], list(np.maximum.accumulate(values)) if values else []


def _panel(ax: style.Axes, cases: list[Case], name: str) -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    most = 2.0
    for case in cases:
        metric = case.metric(name)
        xs, ys = _curve(case, metric) if metric else ([], [])
        if not xs:
            continue
        shade, dash = style.colour(case.strategy), style.dash(cases, case)
        ax.plot(xs, ys, color=shade, linewidth=1.6, label=case.variant, linestyle=dash)
        ax.plot(xs[-1], ys[-1], color=shade, marker=style.marker(case.strategy), markersize=5)
        most = max(most, xs[-1])
    ax.set_xlim(1, most * 1.15)
    shown = [(rest(s), text) for s, text in NINES if rest(s) <= most * 1.15]
    ax.set_xticks([x for x, _ in shown], [text for _, text in shown])
    ax.xaxis.set_minor_locator(style.NullLocator())
    style.time_axis(ax, "y")


def _say(case: Case) -> str:
    m = case.metric("ready")
    assert m
    return (f"{case.variant} {case.label}: p50 {units.time(m.p50)}, p90 {units.time(m.p90)}, p99 "
            f"{units.time(m.p99)}, slowest {units.time(m.maximum)}.")
