# SPDX-License-Identifier: MIT
"""Pictures of several runs side by side: one file and one row each, as those of one run.

draw(several, out) writes out.svg and out.png and returns the text alternative, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from plots.several import changed, curves, heaps, layers, levels, ratios, rates, sweeps
from several import Several
from units import INSTRUCTIONS


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

#: Of runs whose clock counts instructions: their blocks do not scatter, their kernels differ.
COUNTED = (
    Plot("changed", changed.draw, "How spawning changed",
         "A row is a strategy, a mark is a kernel or machine; further left is fewer instructions. "
         "To the right, each one's ratio to the first."),
    Plot("heaps", heaps.draw, "What a larger image costs",
         "A panel is a kernel or machine, a line is a strategy: small pages solid, huge pages "
         "dashed. Where the line is flat, the clone does not pay for what is there."),
    Plot("layers", layers.draw, "What each layer of a sandbox adds",
         "A panel is a strategy, a row is a layer, a mark is a kernel or machine. What a kernel "
         "refuses has no mark."),
    Plot("counted-rates", rates.draw, "Children per 10⁹ instructions",
         "A row is a strategy, a mark is a run; further right is cheaper."),
)


def plots_of(clock: str) -> tuple[Plot, ...]:
    """Those of runs that count the same. No name is in both: one page may have both."""
    return COUNTED if clock == INSTRUCTIONS else PLOTS
