# SPDX-License-Identifier: MIT
"""The machine against itself, and against slow-downs of known size: every comparison, as judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

import palette
import units
from plots import style
from runfile import Run
from selfchecked import percent, selfcheck_of, share

Trial = dict[str, Any]


def draw(run: Run, out: Path) -> str | None:
    """Left nothing was changed, right so much was; a line is the interval of one comparison."""
    told = selfcheck_of(run)
    if told is None or not told["comparisons"]["aa"]:
        return None
    metric, planted = told["plan"]["metric"], told["comparisons"]["injected"]
    fig, axes = style.figure(1, 2, (10.5, 5.2))
    left, right = axes[0]
    _panel(left, told["comparisons"]["aa"])
    _band(left, told)
    left.set_title("compared with itself\n")
    left.set_title(f"{share(told['aa']['false'][metric])} called different", loc="right",
                   fontsize=8.5, fontweight="normal", color=style.MUTED)
    _panel(right, planted)
    _truths(right, planted)
    right.set_title("a slow-down planted in the children\n")
    right.set_title("; ".join(f"{r['size'] * 100:g} %: {r['found']['k']} of {r['found']['n']} found"
                              for r in told["injected"]), loc="right", fontsize=8.5,
                    fontweight="normal", color=style.MUTED)
    handles = [Line2D([], [], color=s.light, linewidth=2.5, label=word)
               for word, s in palette.WORDS.items()]
    fig.legend(handles=handles, loc="outside upper right", ncols=4, fontsize=8.5)
    counts = style.span(t["pairs"] for t in [*told["comparisons"]["aa"], *planted])
    style.save(fig, run, out, f"{metric}, new ÷ base with 95 % interval, n={counts} pairs of blocks "
               "each; sorted; dashed: the margin,\ndotted: the floor that 95 of 100 comparisons of "
               f"nothing stay within; short lines: the truth; selfcheck of {told['date']}")
    return _say(told, metric)


def _say(told: dict[str, Any], metric: str) -> str:
    floor = told["aa"]["floor"].get(metric)
    said = [f"Compared with itself, {share(told['aa']['false'][metric])} called faster or slower; "
            f"95 of 100 ratios are within {percent(floor)}."]
    said += [f"Of {r['size'] * 100:g} % slower, {r['found']['k']} of {r['found']['n']} found, the "
             f"interval held the truth in {percent(r['covered']['share'])}."
             for r in told["injected"]]
    return " ".join(said)


def _off(ratio: float) -> float:
    """Percent off 1."""
    return 100 * (ratio - 1)


def _panel(ax: style.Axes, trials: list[Trial]) -> None:
    """All sorted by size, then ratio; those without an interval are dots alone."""
    ordered = sorted((t for t in trials if t["ratio"]), key=lambda t: (t["size"], t["ratio"]))
    for word, shade in palette.WORDS.items():
        some = [(y, t) for y, t in enumerate(ordered) if t["word"] == word]
        lines = [((_off(t["low"]), y), (_off(t["high"]), y)) for y, t in some
                 if t["low"] and t["high"]]
        ax.add_collection(LineCollection(lines, colors=shade.light, linewidths=1.1))
        ax.plot([_off(t["ratio"]) for _, t in some], [y for y, _ in some], ".", color=shade.light,
                markersize=3)
    ends = [_off(t[k] or t["ratio"]) for t in ordered for k in ("low", "high")] or [0.0]
    low, high = min(-3.0, *ends), max(3.0, *ends)
    ax.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
    ax.set_ylim(-1, max(len(ordered), 1))
    ax.set_yticks([])
    ax.axvline(0, color=style.MUTED, linewidth=0.9, zorder=0)
    ax.xaxis.set_major_formatter(style.FuncFormatter(lambda v, _: f"{v:+g} %".replace("-", "−")))
    ax.xaxis.set_major_locator(style.MaxNLocator(6))
    ax.set_ylabel(f"{len(ordered)} comparisons")


def _band(ax: style.Axes, told: dict[str, Any]) -> None:
    """The margin, and the floor, on both sides of nothing."""
    floor = told["aa"]["floor"].get(told["plan"]["metric"])
    for width, dash in ((told["plan"]["margin"], (0, (5, 3))), (floor, (0, (1, 2)))):
        for edge in (1 / (1 + width), 1 + width) if width else ():
            ax.axvline(_off(edge), color=style.INK, linewidth=0.9, linestyle=dash, zorder=1)


def _truths(ax: style.Axes, trials: list[Trial]) -> None:
    """Where each planted slow-down really is: its median truth, along its own comparisons."""
    ordered = sorted((t for t in trials if t["ratio"]), key=lambda t: (t["size"], t["ratio"]))
    for size in sorted({t["size"] for t in ordered}):
        at = [y for y, t in enumerate(ordered) if t["size"] == size]
        truths = sorted(t["truth"] for t in ordered if t["size"] == size)
        truth = truths[len(truths) // 2]
        ax.plot((_off(truth),) * 2, (at[0], at[-1]), color=style.INK, linewidth=1.2)
        ax.annotate(f"{units.digits(_off(truth), 2)} %", (_off(truth), at[-1]), xytext=(-4, -8),
                    ha="right", textcoords="offset points", fontsize=7.5)
