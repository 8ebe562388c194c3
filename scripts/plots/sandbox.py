# SPDX-License-Identifier: MIT
"""What each layer adds to `ready`, and the tail that it leaves, per strategy."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

import units
from plots import style
from runfile import Run
from sandboxes import NONE, Price, Table, signed, tables

#: Below this the axis of differences is linear: it has no logarithm at 0.
LINEAR_NS = 10e3


def draw(run: Run, out: Path) -> str | None:
    """Two panels per payload: difference of the medians, and p99."""
    found = [t for t in tables(run) if any(p.ready and p.added for p in t.rows)]
    if not found:
        return None
    heights = [1.3 + 0.075 * len(t.sandboxes) * max(3, len(t.strategies)) for t in found]
    fig, axes = style.figure(len(found), 2, (10.5, sum(heights) + 0.6), heights)
    for (left, right), table in zip(axes, found):
        _panel(left, table, "added")
        _panel(right, table, "p99")
        left.set_xscale("symlog", linthresh=LINEAR_NS)
        left.axvline(0, color=style.MUTED, linewidth=0.8)
        left.xaxis.set_major_formatter(style.FuncFormatter(lambda v, _: _tick(v)))
        style.count_axis(left.xaxis)
        left.set_title(f"{table.label}\nready p50 − none")
        if any(p.ready and p.ready.p99 for p in table.rows):
            right.set_xscale("log")
            style.time_axis(right)
        right.set_title("\nready p99")
        right.set_yticklabels([])
        right.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
    cases = [p.case for t in found for p in t.rows]
    style.save(fig, run, out, "request → ready; left: difference to the same strategy without a "
               "sandbox, paired by block, 95 % interval, linear within ± 10 "
               f"{units.micro()}; right: p99 of all samples; {style.counts(cases)}")
    return "What a sandbox adds to ready. " + " ".join(_say(t, s) for t in found
                                                       for s in t.strategies)


def _tick(ns: float) -> str:
    return units.tick(ns) if ns else "0"


def _panel(ax: Axes, table: Table, what: str) -> None:
    """A line of points per sandbox, the strategies side by side."""
    n = len(table.strategies)
    for i, strategy in enumerate(table.strategies):
        shift = (i - (n - 1) / 2) * 0.7 / max(1, n)
        xs, ys, bars = [], [], []
        for y, sandbox in enumerate(table.sandboxes):
            x, ci = _value(table.at(sandbox, strategy), what)
            if x is not None:
                xs.append(x)
                ys.append(y + shift)
                bars.append(ci)
        shade = style.colour(strategy)
        ax.plot(xs, ys, linestyle="none", marker=style.marker(strategy),
                markersize=4.5, color=shade, label=strategy)
        for y, ci in zip(ys, bars):
            if ci:
                ax.plot(ci, (y, y), color=shade, linewidth=1.6, alpha=0.6)
    ax.set_yticks(range(len(table.sandboxes)), [_label(table, b) for b in table.sandboxes])
    ax.set_ylim(len(table.sandboxes) - 0.4, -0.6)


def _label(table: Table, sandbox: str) -> str:
    """A row without a point says why."""
    found = [p for s in table.strategies if (p := table.at(sandbox, s))]
    return sandbox if any(p.ready for p in found) else f"{sandbox} ({found[0].case.status})"


def _value(price: Price | None,
           what: str) -> tuple[float | None, tuple[float, float] | None]:
    if price is None or price.ready is None:
        return None, None
    if what == "p99":
        return price.ready.p99, price.ready.p99_ci
    return (price.added.value, price.added.ci) if price.added else (None, None)


def _say(table: Table, strategy: str) -> str:
    added = [f"{b} {signed(p.added)} {units.micro()}" for b in table.sandboxes
             if b != NONE and (p := table.at(b, strategy)) and p.added]
    return f"{strategy}, {table.label}: {', '.join(added) or 'not measured'}."
