# SPDX-License-Identifier: MIT
"""Share of samples that were at least as soon: the whole distribution, not its middle."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from derive import groups
from plots import style
from runfile import Case, Run


def draw(run: Run, out: Path) -> str | None:
    """A row per payload, a column per metric."""
    found = [g for g in groups(run) if any(c.ecdf("ready") or c.ecdf("worked") for c in g.cases)]
    if not found:
        return None
    fig, axes = style.figure(len(found), 2, (10.5, 3.3 * len(found) + 0.5))
    for row, group in zip(axes, found):
        for ax, name in zip(row, ("ready", "worked")):
            _curves(ax, list(group.cases), name)
            ax.set_title(name, loc="right", fontweight="normal", color=style.MUTED)
        row[0].set_title(f"{group.title}\n")
        row[0].set_ylabel("share of samples")
        row[1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
    cases = [c for g in found for c in g.cases]
    style.save(fig, run, out, "cumulative distribution of all samples, log scale; "
               + style.counts(cases).replace("point", "curve"))
    return ("Cumulative distribution of ready and worked for "
            + "; ".join(f"{g.title}: {', '.join(c.variant for c in g.cases)}" for g in found) + ".")


def _curves(ax: style.Axes, cases: list[Case], name: str) -> None:
    ax.set_xscale("log")
    for case in cases:
        values = [v for v in case.ecdf(name) if v > 0]
        if values:
            share = np.linspace(1 / len(values), 1, len(values))
            ax.step(values, share, where="post", color=style.colour(case.strategy),
                    linestyle=style.dash(cases, case), linewidth=1.7, label=case.variant)
    ax.set_ylim(0, 1.02)
    style.time_axis(ax)
