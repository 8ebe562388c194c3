# SPDX-License-Identifier: MIT
"""Pictures of several runs side by side: one file and one row each, as those of one run.

draw(several, out) writes out.svg and out.png and returns the text alternative, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from plots.several import curves, levels, ratios, rates, sweeps
from several import Several


@dataclass(frozen=True)
class Plot:
    """As plots.Plot, in the order of the page."""

    name: str
    draw: Callable[[Several, Path], str | None]
    title: str
    reading: str


PLOTS = (
    Plot("levels", levels.draw, "Latency in every run",
         "A row is a strategy, a mark is a run; further left is sooner. Marks that lie on each "
         "other are runs that agree."),
    Plot("ratios", ratios.draw, "Ratio to the first run",
         "A panel is a strategy, a row is a run. A mark right of the line is slower than the first "
         "run; where the interval crosses the line, the two cannot be told apart."),
    Plot("curves", curves.draw, "Every sample",
         "A panel is a strategy, a curve is a run: the share of samples that were at least as soon."),
    Plot("rates", rates.draw, "Children per CPU-second in every run",
         "A row is a strategy, a mark is a run; further right is cheaper."),
    Plot("sweeps", sweeps.draw, "Latency against heap size",
         "A panel is a strategy, a line is a run. Lines that are parallel have the same price per "
         "megabyte."),
)
