# SPDX-License-Identifier: MIT
"""Each run ÷ the first run, strategy by strategy: small forests with one axis."""

from __future__ import annotations

from pathlib import Path

import units
from plots import style
from plots.several import common
from several import METRICS, Family, Line, Several

SHIFT = {"ready": -0.16, "worked": 0.16}


def draw(several: Several, out: Path) -> str | None:
    """A panel per strategy of the first two groups that the runs share."""
    found = [(f.title, x) for f in _two(several.families) for x in f.lines
             if any(x.ratios("ready"))]
    if not found:
        return None
    n = len(several.runs) - 1
    fig, places = common.panels(len(found), 0.75 + 0.24 * n, share_y=True)
    ends = [1.0]
    for ax, (_, line) in zip(places, found):
        ends += _panel(ax, line)
    _frame(places, several, min(ends), max(ends))
    for ax, (title, line) in zip(places, found):
        ax.set_title(f"{line.case.variant} · {line.case.payload}", fontsize=9)
    common.legend(fig, several)
    lines = [x for _, x in found]
    common.save(fig, several, out, "the run's median of block medians ÷ the first run's: 95 % "
                "interval from the blocks of both; filled: ready, hollow: worked; log scale; "
                f"{common.blocks(lines, 'ready')}")
    return f"Ratio of ready to {several.labels[0]}. " + " ".join(
        _say(x, several) for x in lines)


def _two(families: list[Family]) -> list[Family]:
    """The headline, and the largest of another payload."""
    first = families[:1]
    others = [f for f in families if first and f.payload != first[0].payload]
    return [*first, *sorted(others, key=lambda f: -len(f.lines))[:1]]


def _panel(ax: style.Axes, line: Line) -> list[float]:
    """Draws one strategy; returns the ends of what it drew."""
    ends = []
    for name in METRICS:
        for i, est in enumerate(line.ratios(name)):
            if est is None or est.low <= 0:
                continue
            y, shade = i - 1 + SHIFT[name], common.colour(i)
            ends += [est.low, est.high]
            ax.plot((est.low, est.high), (y, y), color=shade, linewidth=2)
            ax.plot(est.value, y, marker=common.marker(i), color=shade, markersize=5,
                    markerfacecolor=shade if name == "ready" else style.PAPER)
    return ends


def _frame(places: list[style.Axes], several: Several, low: float, high: float) -> None:
    """One axis for all panels, 1 in it; runs have numbers where their names have no room."""
    n = len(several.runs) - 1
    margin = max(1.04, (high / low) ** 0.06)
    ticks = [t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 0.9, 1, 1.1, 1.25, 2, 5, 10, 20, 50,
                         100) if low / margin <= t <= high * margin]
    if high / low > 3:
        ticks = [t for t in ticks if t not in (0.8, 0.9, 1.1, 1.25)]
    for ax in places:
        ax.set_xscale("log")
        ax.set_xlim(low / margin, high * margin)
        ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
        ax.xaxis.set_minor_locator(style.NullLocator())
        ax.axvline(1, color=style.MUTED, linewidth=1, zorder=0)
        ax.set_ylim(n - 0.5, -0.5)
    places[0].set_yticks(range(n), [f"run {i + 2}" for i in range(n)])


def _say(line: Line, several: Several) -> str:
    said = [f"{units.times(e)} on {label}" for e, label in zip(line.ratios("ready"),
                                                               several.labels) if e]
    return f"{line.case.variant} {line.case.label}: {', '.join(said)}."
