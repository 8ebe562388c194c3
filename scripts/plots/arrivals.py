# SPDX-License-Identifier: MIT
"""Latency under a schedule: the median and the tail of each open case, one row each."""

from __future__ import annotations

from pathlib import Path

import openloop
import units
from plots import style
from runfile import Case, Run


def draw(run: Run, out: Path) -> str | None:
    """A panel per payload and rate; p50 filled, p99 hollow, the line between them is the tail."""
    panels: dict[str, list[Case]] = {}
    for case in openloop.opens(run):
        if case.metric("ready"):
            title = f"{case.label} · {case.raw['open']['rate']:g} children per second"
            panels.setdefault(title, []).append(case)
    if not panels:
        return None
    heights = [len(cases) + 1.5 for cases in panels.values()]
    fig, axes = style.figure(len(panels), 1, (9.5, 0.27 * sum(heights) + 1.2), heights)
    for row, (title, cases) in zip(axes, panels.items()):
        _panel(row[0], cases)
        row[0].set_title(title)
    shown = [c for cases in panels.values() for c in cases]
    style.save(fig, run, out, "intended start → ready: p50 with 95 % interval (filled) and p99 of "
               f"all samples (hollow); log scale; {style.counts(shown)}")
    return "Latency under a schedule. " + " ".join(_say(c) for c in shown)


def _panel(ax: style.Axes, cases: list[Case]) -> None:
    ax.set_xscale("log")
    for y, case in enumerate(cases):
        ready, shade = case.metric("ready"), style.colour(case.strategy)
        assert ready
        if ready.p99:
            ax.plot((ready.p50, ready.p99), (y, y), color=shade, linewidth=1)
            ax.plot(ready.p99, y, "o", color=shade, markersize=6, markerfacecolor=style.PAPER)
        if ready.ci:
            ax.plot(ready.ci, (y, y), color=shade, linewidth=4, alpha=0.45)
        ax.plot(ready.p50, y, "o", color=shade, markersize=6)
    ax.set_yticks(range(len(cases)), [c.variant for c in cases])
    ax.set_ylim(len(cases) - 0.5, -0.5)
    ax.set_xlabel("ready, from the intended start")
    style.time_axis(ax)


def _say(case: Case) -> str:
    ready = case.metric("ready")
    assert ready
    return (f"{case.variant} {case.payload} at {case.raw['open']['rate']:g}: p50 "
            f"{units.time(ready.p50)}, p99 {units.time(ready.p99)}.")
