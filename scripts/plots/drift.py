# SPDX-License-Identifier: MIT
"""Block medians over the run's time, each strategy around its own median: drift and disturbance."""

from __future__ import annotations

from pathlib import Path

import units
from derive import Group, groups
from plots import style
from runfile import Case, Metric, Run

METRIC = "ready"
#: What a thousand million of the clock's units are: of time, of instructions.
SPENT = ("seconds", "10⁹ instructions")
#: What fits a lane, of the median: the least of them that holds nearly all of a group's blocks.
#: What is beyond stands at the lane's edge, as an arrow.
REACHES = (0.02, 0.05, 0.1, 0.25, 0.5)


def draw(run: Run, out: Path) -> str | None:
    """A panel per group with a lane per strategy."""
    found = [(g, [c for c in g.cases if len(_line(c)) > 1]) for g in groups(run)]
    found = [(g, cases) for g, cases in found if cases]
    if not found:
        return None
    starts = [at for _, cases in found for c in cases for at, _ in _line(c)]
    heights = [0.9 + 0.36 * len(cases) for _, cases in found]
    fig, axes = style.figure(len(found), 1, (9.5, sum(heights) + 0.7), heights)
    for row, (group, cases) in zip(axes, found):
        _panel(row[0], group, cases, min(starts))
        row[0].set_xlim((0, 1.02 * (max(starts) - min(starts)) / 1e9 or 1))
    shown = [c for _, cases in found for c in cases]
    style.save(fig, run, out, "a dot: the median of one block of request → ready at the block's "
               f"start; a lane's height is above each panel, arrows lie beyond it;\n"
               "band: 95 % interval of the case's median; "
               + style.counts(shown).replace("point", "lane"))
    return "Latency over time. " + " ".join(map(_say, shown))


def _line(case: Case) -> list[tuple[int, float]]:
    """ns of the start, and the block's median."""
    m = case.metric(METRIC)
    if m is None or m.p50 <= 0:
        return []
    return sorted((b["at_ns"], v) for b in case.raw["blocks"]
                  if b["at_ns"] is not None and (v := m.blocks.get(b["index"])) is not None)


def _panel(ax: style.Axes, group: Group, cases: list[Case], start: int) -> None:
    lanes = []
    for case in cases:
        m = case.metric(METRIC)
        assert m
        lanes.append((case, m, [((at - start) / 1e9, v / m.p50 - 1) for at, v in _line(case)]))
    most = sorted(abs(d) for _, _, line in lanes for _, d in line)
    wanted = most[int(0.97 * (len(most) - 1))]
    reach = next((r for r in REACHES if r >= wanted), REACHES[-1])
    for y, lane in enumerate(lanes):
        _lane(ax, y, *lane, reach)
    ax.set_title(f"a lane: median ± {100 * reach:g} %", loc="right", fontsize=8.5,
                 fontweight="normal", color=style.MUTED)
    ax.set_yticks(range(len(cases)), [c.variant for c in cases])
    ax.set_ylim(len(cases) - 0.4, -0.6)
    ax.set_title(group.title)
    ax.set_xlabel(f"{SPENT[units.instructions()]} after the first block")


def _lane(ax: style.Axes, y: int, case: Case, m: Metric, line: list[tuple[float, float]],
          reach: float) -> None:
    shade = style.colour(case.strategy)
    ends = (min(t for t, _ in line), max(t for t, _ in line))
    if m.ci:
        edges = [y - _height((e / m.p50 - 1) / reach) for e in m.ci]
        ax.fill_between(ends, edges[0], edges[1], color=shade, alpha=0.2, linewidth=0)
    ax.plot([t for t, _ in line], [y - _height(d / reach) for _, d in line], color=shade,
            linewidth=1)
    for sign, shape in ((0, "o"), (1, "^"), (-1, "v")):
        some = [(t, d) for t, d in line if (d > reach) - (d < -reach) == sign]
        ax.plot([t for t, _ in some], [y - _height(d / reach) for _, d in some], shape, color=shade,
                markersize=3.6 if sign == 0 else 5.5)
    low, high = min(d for _, d in line), max(d for _, d in line)
    ax.text(1.005, y, f"{units.cell(m.p50)}, {style.percent(low)} … {style.percent(high)}",
            fontsize=7.5, va="center", transform=ax.get_yaxis_transform())


def _height(share: float) -> float:
    """Of a lane's half."""
    return 0.45 * max(-1.0, min(1.0, share))


def _say(case: Case) -> str:
    values = [v for _, v in _line(case)]
    return (f"{case.variant} {case.label}: {len(values)} block medians from "
            f"{units.time(min(values))} to {units.time(max(values))}.")
