# SPDX-License-Identifier: MIT
"""Children per CPU-second against children in flight, by number of CPUs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import units
from plots import style
from runfile import Case, Run


def draw(run: Run, out: Path) -> str | None:
    """A panel per payload; a line per strategy and number of CPUs."""
    panels: dict[str, list[Case]] = {}
    for case in run.of_kind("throughput"):
        if _points(case):
            panels.setdefault(case.label, []).append(case)
    if not panels:
        return None
    lines = [sum(len({p["cpus"] for p in _points(c)}) for c in cs) for cs in panels.values()]
    heights = [max(3.6, 0.6 + 0.19 * n) for n in lines]  # of the legend
    fig, axes = style.figure(len(panels), 1, (9.5, sum(heights) + 0.5), heights)
    for row, (label, cases) in zip(axes, panels.items()):
        ax = row[0]
        for case in cases:
            _lines(ax, case)
        flights = sorted({p["in_flight"] for c in cases for p in _points(c)})
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xticks(flights, [str(f) for f in flights])
        style.log_ticks(ax.yaxis, lambda v: f"{v:g}")
        ax.set(title=label, xlabel="children in flight per CPU", ylabel="children per CPU-second")
        ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
    style.save(fig, run, out, "children ÷ CPU-seconds of parent, server, children and kernel "
               f"({_meters(panels)}); 95 % interval; {_counts(panels)}; log scale")
    return "Children per CPU-second. " + " ".join(_say(c) for cs in panels.values() for c in cs)


def _points(case: Case) -> list[dict[str, Any]]:
    return [p for p in case.raw["throughput"] if p["children_per_cpu_s"]]


def _meters(panels: dict[str, list[Case]]) -> str:
    return ", ".join(sorted({str(p["accounting"]) for cs in panels.values() for c in cs
                             for p in _points(c)}))


def _counts(panels: dict[str, list[Case]]) -> str:
    n = [p["children"] for cs in panels.values() for c in cs for p in _points(c)]
    return f"n={style.span(n)} children per point"


def _lines(ax: style.Axes, case: Case) -> None:
    for i, cpus in enumerate(sorted({p["cpus"] for p in _points(case)})):
        line = sorted((p for p in _points(case) if p["cpus"] == cpus),
                      key=lambda p: p["in_flight"])
        shade = style.colour(case.strategy)
        ax.plot([p["in_flight"] for p in line], [p["children_per_cpu_s"] for p in line],
                color=shade, marker=style.marker(case.strategy),
                linestyle=("-", "--", ":", "-.")[i % 4],
                linewidth=1.6, markersize=5, label=f"{case.variant}, {cpus} CPU")
        for p in line:
            if p["children_per_cpu_s_ci"]:
                ax.plot([p["in_flight"]] * 2, p["children_per_cpu_s_ci"], color=shade,
                        linewidth=2.4, alpha=0.45)


def _say(case: Case) -> str:
    best = max(_points(case), key=lambda p: p["children_per_cpu_s"])
    return (f"{case.variant} {case.payload}: at best {units.number(best['children_per_cpu_s'])} "
            f"with {best['cpus']} CPUs and {best['in_flight']} in flight.")
