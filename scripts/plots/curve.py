# SPDX-License-Identifier: MIT
"""Ready latency against one property of the image that is cloned: shared by three pictures."""

from __future__ import annotations

from pathlib import Path

import units
from plots import style
from runfile import Case, Run


def points(run: Run, keys: tuple[str, ...]) -> dict[str, list[tuple[float, Case]]]:
    """Strategy → its cases by the swept value. A key without a sweep of two values is none."""
    found: dict[str, list[tuple[float, Case]]] = {}
    for case in run.of_kind("latency"):
        value = next((v for k in keys if (v := case.param(k)) is not None), None)
        if value is not None and not case.is_meter and case.metric("ready"):
            thp = case.params.get("heap_pages") == "thp"
            line = found.setdefault(case.strategy + (" thp" if thp else ""), [])
            if value not in (v for v, _ in line):  # two sections may share a point
                line.append((value, case))
    return {s: sorted(p, key=lambda x: x[0]) for s, p in found.items() if len(p) > 1}


def draw(run: Run, out: Path, keys: tuple[str, ...], label: str) -> str | None:
    """Log-log; 0 has its place left of the first decade."""
    found = points(run, keys)
    if not found:
        return None
    fig, axes = style.figure(1, 1, (9, 4.6))
    ax = axes[0][0]
    smallest = min(v for line in found.values() for v, _ in line if v > 0)
    ax.set_xscale("symlog", linthresh=smallest, linscale=0.5)
    ax.set_yscale("log")
    for name, line in found.items():
        _line(ax, name, line, style.marker(line[0][1].strategy))
    values = sorted({v for line in found.values() for v, _ in line})
    ax.set_xticks(values, [f"{v:g}" for v in values])
    ax.xaxis.set_minor_locator(style.NullLocator())
    style.time_axis(ax, "y")
    ax.set(title=f"ready against {label}", xlabel=label, ylabel="ready p50")
    ax.legend(fontsize=8.5, loc="upper left", bbox_to_anchor=(1.01, 1))
    cases = [c for line in found.values() for _, c in line]
    style.save(fig, run, out, f"request → ready against {label}: median of block medians, 95 % "
               f"interval, log-log; {style.counts(cases)}")
    return f"Ready against {label}. " + " ".join(_say(n, line) for n, line in found.items())


def _line(ax: style.Axes, name: str, line: list[tuple[float, Case]], marker: str) -> None:
    metrics = [(v, m) for v, c in line if (m := c.metric("ready"))]
    shade = style.colour(line[0][1].strategy)
    ax.plot([v for v, _ in metrics], [m.p50 for _, m in metrics], marker=marker, color=shade,
            label=name, linewidth=1.6, markersize=5, linestyle="--" if " thp" in name else "-")
    for v, m in metrics:
        if m.ci:
            ax.plot((v, v), m.ci, color=shade, linewidth=2.4, alpha=0.5)


def _say(name: str, line: list[tuple[float, Case]]) -> str:
    ends = [f"{units.time(m.p50)} at {v:g}" for v, c in (line[0], line[-1])
            if (m := c.metric("ready"))]
    return f"{name}: {' to '.join(ends)}."
