# SPDX-License-Identifier: MIT
"""Latency against offered load: how each strategy bends, and where it crosses the bound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openloop
import units
from plots import style
from runfile import Case, Run

QUANTILES = ("p50", "p99")


def draw(run: Run, out: Path) -> str | None:
    """A row per payload, a panel per quantile, a line per strategy; overloaded points hollow."""
    rows: dict[str, list[Case]] = {}
    for case in openloop.capacities(run):
        if any(p["p50"] for p in case.raw["capacity"]["points"]):
            rows.setdefault(case.label, []).append(case)
    if not rows:
        return None
    fig, axes = style.figure(len(rows), 2, (10.5, 3.5 * len(rows) + 0.6))
    for line, (label, cases) in zip(axes, rows.items()):
        for ax, quantile in zip(line, QUANTILES):
            _panel(ax, cases, quantile)
            ax.set_title(f"{quantile} · {label}")
        line[-1].legend(*line[0].get_legend_handles_labels(), fontsize=8, loc="upper left",
                        bbox_to_anchor=(1.01, 1))
    n = [p["n"] for cs in rows.values() for c in cs for p in c.raw["capacity"]["points"]]
    style.save(fig, run, out, "intended start → ready against offered children per second of one "
               f"CPU; dashed: the bound of p99; hollow: overloaded; log-log; "
               f"n={style.span(n)} per point")
    return "Latency against offered load. " + " ".join(_say(c) for cs in rows.values() for c in cs)


def _panel(ax: style.Axes, cases: list[Case], quantile: str) -> None:
    shown = [p for c in cases for p in c.raw["capacity"]["points"] if p[quantile]]
    if not shown:
        ax.text(0.5, 0.5, f"too few arrivals for a {quantile}", ha="center", color=style.MUTED)
        ax.set_axis_off()
        return
    ax.set_xscale("log")
    ax.set_yscale("log")
    for case in cases:
        points = [p for p in case.raw["capacity"]["points"] if p[quantile]]
        shade = style.colour(case.strategy)
        ax.plot([p["rate"] for p in points], [p[quantile] for p in points], color=shade,
                linewidth=1.5, label=case.variant)
        _marks(ax, points, quantile, shade, style.marker(case.strategy))
    for bound in sorted({c.raw["capacity"]["bound_ns"] for c in cases}):
        ax.axhline(bound, color=style.MUTED, linestyle="--", linewidth=1)
    rates = [p["rate"] for p in shown]
    ax.set_xlim(min(rates) / 1.3, max(rates) * 1.3)  # also of one rate alone
    style.log_ticks(ax.xaxis, lambda v: f"{v:g}")
    ax.set(xlabel="children per second, offered", ylabel=f"ready {quantile}")
    style.time_axis(ax, "y")


def _marks(ax: style.Axes, points: list[dict[str, Any]], quantile: str, shade: str,
           marker: str) -> None:
    for hollow in (False, True):
        some = [p for p in points if p["overloaded"] == hollow]
        ax.plot([p["rate"] for p in some], [p[quantile] for p in some], color=shade,
                marker=marker, markersize=4.5, linestyle="",
                markerfacecolor=style.PAPER if hollow else shade)


def _say(case: Case) -> str:
    return (f"{case.variant} {case.payload}: {openloop.answer(case.raw['capacity'])} children per "
            f"second and CPU under {units.time(case.raw['capacity']['bound_ns'])}.")
