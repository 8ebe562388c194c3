# SPDX-License-Identifier: MIT
"""Ready latency of every strategy in every run, on one axis."""

from __future__ import annotations

from pathlib import Path

import units
from plots import style
from plots.several import common
from several import Line, Several

METRIC = "ready"


def draw(several: Several, out: Path) -> str | None:
    """A panel per group, a row per strategy."""
    found = [(f, common.measured(f.lines, METRIC)) for f in several.families]
    found = [(f, lines) for f, lines in found if lines]
    if not found:
        return None
    high = common.row(several)
    heights = [0.9 + high * len(lines) for _, lines in found]
    fig, axes = style.figure(len(found), 1, (9.5, sum(heights) + 1.2), heights)
    for row, (family, lines) in zip(axes, found):
        _panel(row[0], lines)
        row[0].set_title(family.title)
    common.legend(fig, several)
    every = [x for _, lines in found for x in lines]
    common.save(fig, several, out, "request → ready: median of block medians, 95 % interval, log "
                f"scale; {common.blocks(every, METRIC)}")
    return "Ready in every run. " + " ".join(_say(x, several) for x in every)


def _panel(ax: style.Axes, lines: list[Line]) -> None:
    ax.set_xscale("log")
    for y, line in enumerate(lines):
        metrics = line.metrics(METRIC)
        for i, m in enumerate(metrics):
            if m is None or m.p50 <= 0:
                continue
            at = y + 0.6 * ((i + 0.5) / len(metrics) - 0.5)
            if m.ci:
                ax.plot(m.ci, (at, at), color=common.colour(i), linewidth=2, alpha=0.55)
            ax.plot(m.p50, at, marker=common.marker(i), color=common.colour(i), markersize=4.5)
    ax.set_yticks(range(len(lines)), [x.case.variant for x in lines])
    ax.set_ylim(len(lines) - 0.4, -0.6)
    style.time_axis(ax)


def _say(line: Line, several: Several) -> str:
    said = [f"{units.time(m.p50)} on {label}" for m, label in zip(line.metrics(METRIC),
                                                                  several.labels) if m]
    return f"{line.case.variant} {line.case.label}: {', '.join(said)}."
