# SPDX-License-Identifier: MIT
"""Ready latency against one property of the image that is cloned: shared by three pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import units
from plots import style
from runfile import Case, Run
from stats import Estimate, estimate

#: A slope that adds less than this over the whole sweep is told as flat.
FLAT = 0.15
#: Points along a drawn fit.
STEPS = 60


@dataclass(frozen=True)
class Line:
    """ns = fixed + slope · value; the slope's interval is that of the blocks' own slopes."""

    fixed: float
    slope: Estimate
    r2: float


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


def _straight(at: np.ndarray, ns: np.ndarray) -> tuple[float, float]:
    """Slope and fixed part, each point with the same relative error."""
    slope, fixed = np.polyfit(at, ns, 1, w=1 / ns)
    return float(slope), float(fixed)


def fit(line: list[tuple[float, Case]]) -> Line | None:
    """A straight line through three points or more; R² is of the logarithms, as the picture is."""
    metrics = [(v, m) for v, c in line if (m := c.metric("ready")) and m.p50 > 0]
    if len(metrics) < 3:
        return None
    at, ns = np.array([v for v, _ in metrics]), np.array([m.p50 for _, m in metrics])
    slope, fixed = _straight(at, ns)
    shared = set.intersection(*({i for i, b in m.blocks.items() if b} for _, m in metrics))
    blocks = [_straight(at, np.array([m.blocks[i] for _, m in metrics], dtype=float))[0]
              for i in sorted(shared)]
    est = estimate(blocks)
    fitted = fixed + slope * at
    if est is None or (fitted <= 0).any():
        return None
    rest, whole = np.log(ns / fitted), np.log(ns) - np.log(ns).mean()
    return Line(fixed, Estimate(slope, est.ci, est.n),
                1 - float((rest ** 2).sum() / (whole ** 2).sum()) if whole.any() else 1.0)


def draw(run: Run, out: Path, keys: tuple[str, ...], label: str, unit: str) -> str | None:
    """Log-log; 0 has its place left of the first decade."""
    found = points(run, keys)
    if not found:
        return None
    fig, axes = style.figure(1, 1, (9.5, 4.8))
    ax = axes[0][0]
    smallest = min(v for line in found.values() for v, _ in line if v > 0)
    most = max(v for line in found.values() for v, _ in line)
    ax.set_xscale("symlog", linthresh=smallest, linscale=0.5)
    ax.set_yscale("log")
    ax.set_xlim(-0.08 * smallest, most * 1.2)
    fits = {name: fit(line) for name, line in found.items()}
    for name, line in found.items():
        _line(ax, name, line, fits[name], unit)
    values = sorted({v for line in found.values() for v, _ in line})
    ax.set_xticks(values, [f"{v:g}" for v in values])
    ax.xaxis.set_minor_locator(style.NullLocator())
    ax.set(xlabel=label, ylabel="ready p50")
    style.time_axis(ax, "y")
    ax.legend(fontsize=8.5, loc="upper left", bbox_to_anchor=(1.01, 1), title=f"+ per {unit}, R²",
              title_fontsize=8.5, alignment="left")
    cases = [c for line in found.values() for _, c in line]
    style.save(fig, run, out, f"points: request → ready against {label}, median of block medians, "
               "95 % interval; lines: the least-squares fit fixed + slope · x, errors relative;\n"
               f"log-log, R² of the logarithms; {style.counts(cases)}")
    return f"Ready against {label}. " + " ".join(
        _say(n, line, fits[n], unit) for n, line in found.items())


def _flat(line: list[tuple[float, Case]], fitted: Line) -> bool:
    return abs(fitted.slope.value) * line[-1][0] < FLAT * abs(fitted.fixed)


def _legend(name: str, line: list[tuple[float, Case]], fitted: Line | None) -> str:
    if fitted is None:
        return name
    if _flat(line, fitted):
        return f"{name}: flat"
    return f"{name}: {units.cell(fitted.slope.value)}, {int(fitted.r2 * 1000) / 1000:.3f}"


def _line(ax: style.Axes, name: str, line: list[tuple[float, Case]], fitted: Line | None,
          unit: str) -> None:
    metrics = [(v, m) for v, c in line if (m := c.metric("ready"))]
    strategy = line[0][1].strategy
    shade, dashes = style.colour(strategy), "--" if " thp" in name else "-"
    xs, ys = [v for v, _ in metrics], [m.p50 for _, m in metrics]
    if fitted:  # dense: a straight line bends on these axes
        dense = np.concatenate([[0.0] if xs[0] == 0 else [],
                                np.geomspace(next(x for x in xs if x > 0), xs[-1], STEPS)])
        ax.plot(dense, fitted.fixed + fitted.slope.value * dense, color=shade, linewidth=1.4,
                linestyle=dashes)
    ax.plot(xs, ys, marker=style.marker(strategy), color=shade, markersize=5.5,
            linewidth=1.4, linestyle="none" if fitted else dashes,
            label=_legend(name, line, fitted))
    for v, m in metrics:
        if m.ci:
            ax.plot((v, v), m.ci, color=shade, linewidth=2.4, alpha=0.5)


def _say(name: str, line: list[tuple[float, Case]], fitted: Line | None, unit: str) -> str:
    ends = [f"{units.time(m.p50)} at {v:g}" for v, c in (line[0], line[-1])
            if (m := c.metric("ready"))]
    said = f"{name}: {' to '.join(ends)}"
    if fitted is None:
        return f"{said}."
    slope = "flat" if _flat(line, fitted) else f"{units.time(fitted.slope.value, fitted.slope.ci)}"
    return f"{said}, {slope}{'' if slope == 'flat' else f' per {unit}'}."
