# SPDX-License-Identifier: MIT
"""Cumulative distributions of ready, a panel per strategy, a curve per run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import units
from plots import style
from plots.several import common
from several import Line, Several

METRIC = "ready"


def draw(several: Several, out: Path) -> str | None:
    """Of the headline group."""
    family = next(iter(several.families), None)
    lines = [x for x in family.lines if _curves(x)] if family else []
    if family is None or not lines:
        return None
    fig, places = common.panels(len(lines), 1.9)
    for ax, line in zip(places, lines):
        _panel(ax, line)
    for ax in places[::common.COLUMNS]:
        ax.set_ylabel("share")
    common.legend(fig, several, lines=True)
    n = [m.n for x in lines for m in x.metrics(METRIC) if m]
    common.save(fig, several, out, f"{family.title}: request → ready of all samples, each panel its "
                f"own log scale; n={style.span(n)} samples per curve")
    return f"Distributions of ready, {family.title}. " + " ".join(_say(x, several) for x in lines)


def _curves(line: Line) -> list[tuple[int, list[float]]]:
    return [(i, values) for i, c in enumerate(line.cases)
            if c and (values := [v for v in c.ecdf(METRIC) if v > 0])]


def _panel(ax: style.Axes, line: Line) -> None:
    ax.set_xscale("log")
    for i, values in _curves(line):
        ax.step(values, np.linspace(1 / len(values), 1, len(values)), where="post", linewidth=1.5,
                color=common.colour(i), linestyle=common.line_style(i))
    ax.set_ylim(0, 1.02)
    ax.set_title(line.case.variant, fontsize=9)
    style.time_axis(ax, most=2)


def _say(line: Line, several: Several) -> str:
    said = [f"{units.time(float(np.quantile(values, 0.05)))} to "
            f"{units.time(float(np.quantile(values, 0.95)))} on {several.labels[i]}"
            for i, values in _curves(line)]
    return f"{line.case.variant}, 5 % to 95 %: {', '.join(said)}."
