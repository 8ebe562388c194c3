# SPDX-License-Identifier: MIT
"""Children per CPU-second of every strategy in every run."""

from __future__ import annotations

from pathlib import Path

import units
from derive import Rate
from plots import style
from plots.several import common
from several import Line, Several, rates

Found = list[tuple[Line, list[Rate | None]]]


def draw(several: Several, out: Path) -> str | None:
    """A panel per group, a row per strategy."""
    found: list[tuple[str, Found]] = []
    for family in several.families:
        lines = [(x, rs) for x in family.lines if any(rs := rates(x, several.runs))]
        if lines:
            found.append((family.title, lines))
    if not found:
        return None
    high = common.row(several)
    heights = [0.9 + high * len(lines) for _, lines in found]
    fig, axes = style.figure(len(found), 1, (9.5, sum(heights) + 1.2), heights)
    for row, (title, lines) in zip(axes, found):
        _panel(row[0], lines)
        row[0].set_title(title)
    common.legend(fig, several)
    common.save(fig, several, out, f"children ÷ CPU ({units.cpu()}) of parent, server, children "
                "and kernel: the best point on one CPU, 95 % interval; hollow: 1 ÷ CPU of one "
                "child at a time; log scale")
    return f"Children per {units.cpu()} in every run. " + " ".join(
        _say(x, rs, several) for _, lines in found for x, rs in lines)


def _panel(ax: style.Axes, lines: Found) -> None:
    ax.set_xscale("log")
    for y, (_, found) in enumerate(lines):
        for i, r in enumerate(found):
            if r is None:
                continue
            at, shade = y + 0.6 * ((i + 0.5) / len(found) - 0.5), common.colour(i)
            if r.ci:
                ax.plot(r.ci, (at, at), color=shade, linewidth=2, alpha=0.55)
            ax.plot(r.value, at, marker=common.marker(i), color=shade, markersize=4.5,
                    markerfacecolor=shade if r.measured else style.PAPER)
    ax.set_yticks(range(len(lines)), [x.case.variant for x, _ in lines])
    ax.set_ylim(len(lines) - 0.4, -0.6)
    style.log_ticks(ax.xaxis, lambda v: f"{v:.12g}")


def _say(line: Line, found: list[Rate | None], several: Several) -> str:
    said = [f"{units.number(r.value, r.ci)} on {label}" for r, label in zip(found, several.labels)
            if r]
    return f"{line.case.variant} {line.case.label}: {', '.join(said)}."
