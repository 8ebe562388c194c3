# SPDX-License-Identifier: MIT
"""Where the time goes: the child's chain request, entered, ready, worked, reaped."""

from __future__ import annotations

from pathlib import Path

import palette
import units
from derive import Group, groups
from plots import style
from runfile import Case, Run

CHAIN = (("birth", "entered", "request → entered"), ("load", "ready", "entered → ready"),
         ("work", "worked", "ready → worked"), ("exit", "reaped", "worked → reaped"))


def durations(case: Case) -> list[float] | None:
    """ns of each phase, from medians; None when an instant is missing."""
    ends = [m.p50 for _, name, _ in CHAIN if (m := case.metric(name))]
    if len(ends) != len(CHAIN):
        return None
    return [max(0.0, b - a) for a, b in zip([0.0, *ends], ends)]


def draw(run: Run, out: Path) -> str | None:
    """Shares of each strategy's own whole, because wholes differ by hundreds of times."""
    found = [g for g in groups(run) if any(durations(c) for c in g.cases)]
    if not found:
        return None
    heights = [0.8 + 0.42 * len(g.cases) for g in found]
    fig, axes = style.figure(len(found), 1, (9.5, sum(heights) + 0.9), heights)
    for row, group in zip(axes, found):
        _panel(row[0], group)
    handles, labels = axes[0][0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=8.5)
    cases = [c for g in found for c in g.cases]
    style.save(fig, run, out, "differences of medians, as shares of each strategy's own request → "
               f"reaped; {style.counts(cases)}")
    return "Phases of a spawn. " + " ".join(_say(c) for g in found for c in g.cases)


def _say(case: Case) -> str:
    spans = durations(case)
    if spans is None:
        return f"{case.variant}: not measured."
    return f"{case.variant}: " + ", ".join(
        f"{label} {units.time(ns)}" for (_, _, label), ns in zip(CHAIN, spans)) + "."


def _panel(ax: style.Axes, group: Group) -> None:
    cases = [c for c in group.cases if durations(c)]
    for i, (phase, _, label) in enumerate(CHAIN):
        for y, case in enumerate(cases):
            spans = durations(case) or []
            whole = sum(spans) or 1
            left, width = sum(spans[:i]) / whole, spans[i] / whole
            ax.barh(y, width, left=left, height=0.66, color=style.PHASE_COLOURS[phase],
                    label=label if y == 0 else None)
            if width > 0.085:
                ax.text(left + width / 2, y, units.cell(spans[i]), ha="center", va="center",
                        fontsize=7.5, color=palette.FIGURE)
    for y, case in enumerate(cases):
        ax.text(1.01, y, units.cell(sum(durations(case) or [])), va="center", fontsize=8)
    ax.set_yticks(range(len(cases)), [c.variant for c in cases])
    ax.set(xlim=(0, 1.1), ylim=(len(cases) - 0.5, -0.5))
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    ax.grid(False, axis="y")
    ax.set_title(group.title)
