# SPDX-License-Identifier: MIT
"""Bars of `ready` and `worked` with their intervals on a log axis; the floor as a line."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

import units
from derive import Group, groups
from plots import style
from runfile import Metric, Run


def draw(run: Run, out: Path) -> str | None:
    """One panel per payload; returns the text alternative, None without data."""
    found = [g for g in groups(run) if any(r.ready for r in g.rows)]
    if not found:
        return None
    heights = [0.9 + 0.5 * len(g.rows) for g in found]
    fig, axes = style.figure(len(found), 1, (9.5, sum(heights) + 0.6), heights)
    for row, group in zip(axes, found):
        _panel(row[0], group)
    cases = [c for g in found for c in g.cases]
    style.save(fig, run, out, "request → ready (dark), request → worked (light): median of block "
               f"medians, 95 % order-statistic interval, log scale; {style.counts(cases)}")
    return "Startup latency. " + " ".join(_say(g) for g in found)


def _say(group: Group) -> str:
    said = [f"{r.case.variant} {units.time(r.ready.p50)}" for r in group.rows if r.ready]
    return f"{group.title}, ready: {', '.join(said)}."


def _panel(ax: Axes, group: Group) -> None:
    rows = [r for r in group.rows if r.ready]
    values = [m.p50 for r in rows for m in (r.ready, r.worked) if m and m.p50 > 0]
    if group.floor:
        values.append(group.floor[0])
    ax.set_xscale("log")
    ax.set_xlim(min(values) / 2.2, max(values) * 4)
    for y, row in enumerate(rows):
        shade = style.colour(row.case.strategy)
        _bar(ax, y - 0.19, row.ready, shade, 1.0, "ready")
        _bar(ax, y + 0.19, row.worked, shade, 0.45, "worked")
    ax.set_yticks(range(len(rows)), [r.case.variant + (" (unsafe)" if r.unsafe else "")
                                     for r in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(False, axis="y")
    style.time_axis(ax)
    ax.set_title(group.title)
    if group.floor:
        ns, who = group.floor
        ax.axvline(ns, color=style.INK, linewidth=1, linestyle=(0, (4, 3)))
        ax.set_title(f"dashed: floor {units.time(ns)} (raw clone of the {who} image)",
                     loc="right", fontsize=8, fontweight="normal", color=style.MUTED)


def _bar(ax: Axes, y: float, m: Metric | None, shade: str, alpha: float, name: str) -> None:
    if m is None or m.p50 <= 0:
        return
    left = ax.get_xlim()[0]
    ax.barh(y, m.p50 - left, left=left, height=0.34, color=shade, alpha=alpha)
    end = m.p50
    if m.ci:
        ax.plot(m.ci, (y, y), color=style.INK, linewidth=1.1, marker="|", markersize=5)
        end = m.ci[1]
    ax.text(end * 1.08, y, f"{name} {units.cell(m.p50)}", va="center", fontsize=7.5)
