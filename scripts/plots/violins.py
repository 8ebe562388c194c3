# SPDX-License-Identifier: MIT
"""How latencies scatter around each strategy's own median: shape, not height."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import units
from derive import groups
from plots import style
from runfile import Case, Run

FEWEST = 20  # samples; fewer have no shape, and are drawn one by one
METRIC = "ready"


def draw(run: Run, out: Path) -> str | None:
    """A panel per group, a violin per strategy; samples ÷ their median, so that all fit."""
    found = [(g, [c for c in g.cases if c.metric(METRIC) and c.ecdf(METRIC)]) for g in groups(run)]
    found = [(g, cases) for g, cases in found if cases]
    if not found:
        return None
    heights = [0.9 + 0.36 * len(cases) for _, cases in found]
    fig, axes = style.figure(len(found), 1, (9.5, sum(heights) + 0.6), heights)
    for row, (group, cases) in zip(axes, found):
        _panel(row[0], cases)
        row[0].set_title(group.title)
    shown = [c for _, cases in found for c in cases]
    style.save(fig, run, out, "request → ready ÷ the strategy's own median sample; Gaussian kernel "
               f"density on a log scale; bar: quartiles; below {FEWEST} samples each is a dot; "
               + style.counts(shown).replace("point", "violin"))
    return "Scatter of ready around its median. " + " ".join(map(_say, shown))


def _relative(case: Case) -> np.ndarray:
    values = np.asarray([v for v in case.ecdf(METRIC) if v > 0], dtype=float)
    return values / np.median(values) if len(values) else values


def _panel(ax: style.Axes, cases: list[Case]) -> None:
    samples = [_relative(c) for c in cases]
    some = np.concatenate(samples)
    low = max(0.3, float(np.quantile(some, 0.002)) / 1.04)
    high = min(4.0, max(1.1, float(np.quantile(some, 0.985)) * 1.06))
    ax.set_xscale("log")
    ax.set_xlim(low, high * (high / low) ** 0.16)
    for y, (case, values) in enumerate(zip(cases, samples)):
        _one(ax, y, values[(values >= low) & (values <= high)], style.colour(case.strategy))
        beyond = int((values > high).sum())
        m = case.metric(METRIC)
        more = f"  + {beyond} to {units.digits(float(values.max()), 2)} ×" if beyond else ""
        ax.text(1.005, y, f"{units.cell(m.p50 if m else None)}{more}", fontsize=7.5, va="center",
                transform=ax.get_yaxis_transform())
    ax.axvline(1, color=style.MUTED, linewidth=0.8, zorder=0)
    ax.set_yticks(range(len(cases)), [c.variant for c in cases])
    ax.set_ylim(len(cases) - 0.4, -0.6)
    ticks = [t for t in (0.3, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.5, 2, 3, 4) if low <= t <= high]
    ax.set_xticks(ticks, [f"{t:g} ×" for t in ticks])
    ax.xaxis.set_minor_locator(style.NullLocator())
    ax.grid(False, axis="y")


def _one(ax: style.Axes, y: int, values: np.ndarray, shade: str) -> None:
    """Density of the logarithms, mirrored; the widest place of each is as high as any other's."""
    if len(values) < FEWEST or np.ptp(values) == 0:
        ax.plot(values, [y] * len(values), "o", color=shade, markersize=4, alpha=0.7)
        return
    logs = np.log(values)
    width = max(1.06 * float(logs.std()) * len(logs) ** -0.2, 1e-3)  # Silverman's rule
    at = np.linspace(logs.min() - 2 * width, logs.max() + 2 * width, 120)
    density = np.exp(-0.5 * ((at[:, None] - logs) / width) ** 2).sum(axis=1)
    high = 0.42 * density / density.max()
    ax.fill_between(np.exp(at), y - high, y + high, color=shade, alpha=0.55, linewidth=0)
    quartiles = np.quantile(values, (0.25, 0.75))
    ax.plot(quartiles, (y, y), color=style.INK, linewidth=2.4, solid_capstyle="butt")


def _say(case: Case) -> str:
    values = _relative(case)
    low, high, last = (units.digits(float(q)) for q in np.quantile(values, (0.25, 0.75, 1)))
    return (f"{case.variant} {case.label}: half of all samples within {low} to {high} × of the "
            f"median, the slowest {last} ×.")
