# SPDX-License-Identifier: MIT
"""Forest plot of a comparison: every figure that decides, its ratio and interval."""

from __future__ import annotations

import io

from matplotlib.transforms import blended_transform_factory

import units
from compare_tables import ratio, word
from compared import Compared
from comparison import Comparison
from plots import style
from verdicts import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER

#: Colour, marker, filled: never told by colour alone.
LOOKS = {SLOWER: ("#d55e00", ">", True), FASTER: ("#009e73", "<", True),
         EQUIVALENT: ("#0072b2", "o", True), INCONCLUSIVE: ("#858a93", "o", False)}
#: The axis shows so much at least, and at most; what goes beyond ends in an arrow.
LEAST, MOST = 1.04, 8.0
#: Percentages that a tick may stand at, and so many of them on a side.
STEPS, TICKS = (1, 2, 5, 10, 20, 50, 80, 100, 200, 500), 3


def _reach(cells: list[Compared]) -> float:
    """How far the axis goes to both sides of 1."""
    ends = [LEAST]
    for c in cells:
        v = c.verdict
        ends += [max(x, 1 / x) for x in (v.ratio, v.low, v.high) if x]
    return min(float(max(ends)) ** 1.08, MOST)


def _tick(ratio_to_one: float) -> str:
    percent = 100 * (ratio_to_one - 1)
    return "0" if abs(percent) < 1e-6 else f"{percent:+.3g} %".replace("-", "−")


def _ticks(reach: float) -> list[float]:
    """Round percentages to both sides of nothing."""
    ups = [1 + p / 100 for p in STEPS if 1 + p / 100 <= reach][-TICKS:]
    downs = [1 - p / 100 for p in STEPS if p < 100 and 1 - p / 100 >= 1 / reach][-TICKS:]
    return [*downs[::-1], 1.0, *ups]


def _bar(ax: style.Axes, c: Compared, y: int, reach: float) -> None:
    v = c.verdict
    if v.ratio is None:
        return
    shade, marker, filled = LOOKS[v.word]
    if v.low is not None and v.high is not None:
        ax.plot([max(v.low, 1 / reach), min(v.high, reach)], [y, y], color=shade, linewidth=2.2,
                solid_capstyle="butt")
    ax.plot(min(max(v.ratio, 1 / reach), reach), y, marker=marker, color=shade, markersize=6,
            markerfacecolor=shade if filled else style.PAPER)


def _label(ax: style.Axes, c: Compared, y: int) -> None:
    """Ratio and verdict to the right of the axis."""
    place = blended_transform_factory(ax.transAxes, ax.transData)
    ax.text(1.02, y, f"{ratio(c)}  {word(c)}", transform=place, va="center", fontsize=7.5,
            color=style.INK)


def _panel(ax: style.Axes, cells: list[Compared | None], title: str, reach: float) -> None:
    for margin in {c.margin for c in cells if c}:
        ax.axvspan(1 / (1 + margin), 1 + margin, color=style.RULE, linewidth=0, zorder=0)
    ax.axvline(1, color=style.MUTED, linewidth=1)
    for y, c in enumerate(cells):
        if c:
            _bar(ax, c, y, reach)
            _label(ax, c, y)
    ax.set_xscale("log")
    ax.set_xlim(1 / reach, reach)
    ticks = _ticks(reach)
    ax.xaxis.set_major_locator(style.plt.FixedLocator(ticks))
    ax.xaxis.set_major_formatter(style.FuncFormatter(lambda v, _: _tick(v)))
    ax.xaxis.set_minor_locator(style.NullLocator())
    ax.set_ylim(len(cells) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.set_title(title)


def draw(comparison: Comparison) -> str:
    """The drawing as SVG; a panel for each new run, a line for each figure."""
    rows = comparison.rows(comparison.family)
    columns = [[comparison.against_all(*row)[i] for row in rows]
               for i in range(len(comparison.against))]
    reach = _reach(comparison.family)
    size = (4.6 + 5.2 * len(columns), 1.3 + 0.24 * max(len(rows), 4))
    fig, axes = style.figure(1, len(columns), size)
    for at, (ax, cells) in enumerate(zip(axes[0], columns)):
        _panel(ax, cells, f"{comparison.against[at].label} ÷ {comparison.base_label}", reach)
        names = [f"{case} {metric}" for case, metric in rows]
        ax.set_yticks(range(len(rows)), names if at == 0 else [""] * len(rows), fontsize=8)
    what = units.INSTRUCTIONS if units.instructions() else units.TIME
    fig.supxlabel(f"← less {what}   ratio new ÷ base, log scale, 95 % intervals of block medians; "
                  f"shaded: the margin   more {what} →", fontsize=7.5, color=style.MUTED)
    out = io.StringIO()
    fig.savefig(out, format="svg", metadata={"Date": None})
    style.plt.close(fig)
    return out.getvalue()


def said(comparison: Comparison) -> str:
    """The text alternative: all that the picture shows."""
    parts = [f"{comparison.against[c.new_run].label}: {c.case} {c.metric} {ratio(c)} {word(c)}"
             for c in comparison.family]
    return f"Forest plot of ratios to {comparison.base_label}. {'; '.join(parts)}."
