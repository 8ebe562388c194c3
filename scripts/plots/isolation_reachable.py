# SPDX-License-Identifier: MIT
"""Attack × target against strategy × attacker: what the child reached in other processes."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

import units
from derive import leaks
from isolation import ATTACKERS, Table, reachable, sandboxes
from plots import style
from runfile import Run


def draw(run: Run, out: Path) -> str | None:
    """A panel per sandbox and attacker, below one another; its rows are the strategies."""
    panels = [(box, who, table) for box in sandboxes(run) for who in ATTACKERS
              if (table := reachable(run, who, box)).rows]
    if not panels:
        return None
    heights = [1.75 + 0.25 * len(t.cols) for _, _, t in panels]
    width = 2.4 + 0.46 * max(len(t.rows) for _, _, t in panels)
    fig, axes = style.figure(len(panels), 1, (width, sum(heights) + 0.4), heights)
    several = len({box for box, _, _ in panels}) > 1
    for line, (box, who, table) in zip(axes, panels):
        _panel(line[0], box if several else "", who, table)
    style.save(fig, run, out, "✗ succeeded, errno: blocked, · absent; n=1 attack per cell; "
               "columns: attack → target")
    said = [f"{who}{_in(box)}: {units.share(_sum(run, who, table))}"
            for box, who, table in panels]
    return f"Attacks that succeeded, of those that apply, by attacker: {', '.join(said)}."


def _in(box: str) -> str:
    return "" if box in ("", "none") else f" in {box}"


def _panel(ax: Axes, box: str, who: str, table: Table) -> None:
    texts, faces, inks = ([list(line) for line in zip(*cells)]
                          for cells in style.outcome_cells(table))
    style.cells(ax, texts, faces, inks, [c.name for c in table.cols], table.rows, 6.5)
    ax.set_title(f"attacker: {who}" + (f", sandbox: {box}" if box else ""), pad=8)


def _sum(run: Run, who: str, table: Table) -> tuple[int, int]:
    """As the summary counts them, over all columns."""
    parts = [p for c in table.cols if (p := leaks(run, c.strategy, c.payload, "reachable", who, c.sandbox))]
    return sum(p[0] for p in parts), sum(p[1] for p in parts)
