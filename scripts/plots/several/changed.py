# SPDX-License-Identifier: MIT
"""Every strategy's `ready` on every kernel: dots on one log axis, and the ratios beside them."""

from __future__ import annotations

from pathlib import Path

import units
from plots import style
from plots.several import common
from several import Line, Several

METRIC = "ready"


def draw(several: Several, out: Path) -> str | None:
    """Of the headline group; a line joins a strategy's marks."""
    family = next(iter(several.families), None)
    lines = common.measured(family.lines, METRIC) if family else []
    if family is None or not lines or len(several.runs) < 2:
        return None
    high = 0.3 + 0.04 * len(several.runs)
    fig, axes = style.figure(1, 1, (9.5, 1.9 + high * len(lines)))
    ax = axes[0][0]
    ax.set_xscale("log")
    for y, line in enumerate(lines):
        _row(ax, y, line)
    ax.set_yticks(range(len(lines)), [x.case.variant for x in lines])
    ax.set_ylim(len(lines) - 0.5, -0.9)
    ax.grid(False, axis="y")
    style.time_axis(ax)
    _ratios(ax, lines, several)
    common.legend(fig, several)
    common.save(fig, several, out, f"{family.title}: request → ready, median of block medians, log "
                f"scale; right: ratio to run 1; {common.blocks(lines, METRIC)}")
    return f"How ready changed, {family.title}. " + " ".join(_say(x, several) for x in lines)


def _row(ax: style.Axes, y: int, line: Line) -> None:
    found = [(i, m.p50) for i, m in enumerate(line.metrics(METRIC)) if m and m.p50 > 0]
    n = len(line.cases)
    at = {i: y + 0.5 * ((i + 0.5) / n - 0.5) for i, _ in found}
    ax.plot([v for _, v in found], [at[i] for i, _ in found], color=style.MUTED, linewidth=1,
            alpha=0.7, zorder=1)
    for i, value in found:
        ax.plot(value, at[i], marker=common.marker(i), color=common.colour(i), markersize=6,
                zorder=2)


def _ratios(ax: style.Axes, lines: list[Line], several: Several) -> None:
    """Columns to the right of the axis: a run each, under its mark."""
    place = ax.get_yaxis_transform()
    for i in range(1, len(several.runs)):
        x = 1.02 + 0.085 * (i - 1)
        ax.plot(x + 0.008, -0.75, marker=common.marker(i), color=common.colour(i), markersize=5,
                transform=place, clip_on=False)
        ax.text(x + 0.022, -0.75, f"{i + 1} ÷ 1", transform=place, fontsize=8, va="center",
                color=style.INK, fontweight="bold")
        for y, line in enumerate(lines):
            est = line.ratios(METRIC)[i]
            ax.text(x, y, f"{est.value:.2f}" if est else units.NOTHING, transform=place,
                    fontsize=8, va="center", color=style.INK)


def _say(line: Line, several: Several) -> str:
    said = [f"{units.time(m.p50)} on {label}{f' ({units.times(e)})' if e else ''}"
            for m, e, label in zip(line.metrics(METRIC), line.ratios(METRIC), several.labels) if m]
    return f"{line.case.variant}: {', '.join(said)}."
