# SPDX-License-Identifier: MIT
"""PSS per child at ready and after work, by the number of children alive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import units
from derive import memory_rows
from plots import style
from runfile import Case, Run

Point = tuple[Case, dict[str, Any]]


def draw(run: Run, out: Path) -> str | None:
    """A row per payload, a column per number alive; axes shared within a row."""
    payloads = list(dict.fromkeys(c.payload for c in run.of_kind("memory")))
    found = {p: [x for x in memory_rows(run, p)] for p in payloads}
    found = {p: rows for p, rows in found.items() if any(m["pss_bytes"] for _, m in rows)}
    if not found:
        return None
    alive = sorted({m["alive"] for rows in found.values() for _, m in rows if m["at"] != "idle"})
    heights = [0.9 + 0.5 * len({_name(x) for x in rows}) for rows in found.values()]
    fig, axes = style.figure(len(found), len(alive), (10.5, sum(heights) + 0.7), heights)
    for line, rows in zip(axes, found.values()):
        most = max(m["pss_bytes"] or 0 for _, m in rows)
        for ax, n in zip(line, alive):
            names = list(dict.fromkeys(map(_name, rows)))
            shown = [x for x in rows if x[1]["alive"] == n and x[1]["at"] != "idle"]
            _panel(ax, names, shown + (_idle(rows) if n == alive[0] else []), most)
            ax.set_title(f"{n} alive")
        line[0].set_title(f"{rows[0][0].label}\n{alive[0]} alive")
        for ax in line[1:]:
            ax.set_yticklabels([])
    style.save(fig, run, out, "proportional set size per child, mean over the children alive "
               "(n = alive, measured once), from smaps_rollup; light: at ready, dark: after work; "
               "idle: made ahead and waiting")
    return "Memory per child. " + " ".join(_say(x) for rows in found.values() for x in rows)


def _say(point: Point) -> str:
    case, m = point
    return f"{case.variant} {m['alive']} alive {m['at']}: {units.size(m['pss_bytes'])}."


def _name(point: Point) -> str:
    case, m = point
    return f"{case.variant} idle" if m["at"] == "idle" else case.variant


def _idle(rows: list[Point]) -> list[Point]:
    return [x for x in rows if x[1]["at"] == "idle"]


def _panel(ax: style.Axes, names: list[str], rows: list[Point], most: float) -> None:
    """Every row has its place in every panel, measured or not."""
    unit, scale = units.unit_of(most, units.BYTE_UNITS)
    for case, m in rows:
        worked = m["at"] == "worked"
        y = names.index(_name((case, m))) + {"worked": 0.19, "ready": -0.19, "idle": 0}[m["at"]]
        if m["pss_bytes"] is None:
            ax.text(most * 0.01, y, "not measured", va="center", fontsize=7.5, color=style.MUTED)
            continue
        ax.barh(y, m["pss_bytes"], height=0.34, color=style.colour(case.strategy),
                alpha=1.0 if worked else 0.45)
        ax.text(m["pss_bytes"] + most * 0.02, y, units.size(m["pss_bytes"]), va="center",
                fontsize=7.5)
    ax.set_yticks(range(len(names)), names)
    ax.set(ylim=(len(names) - 0.4, -0.6), xlim=(0, most * 1.38))
    ax.xaxis.set_major_formatter(style.FuncFormatter(lambda v, _: f"{v / scale:g} {unit}"))
    ax.xaxis.set_major_locator(style.MaxNLocator(4))
    ax.grid(False, axis="y")
