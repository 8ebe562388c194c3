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
    """A panel per attacker, its columns the strategies; a row of panels per sandbox."""
    grid = [(box, [(who, reachable(run, who, box)) for who in ATTACKERS])
            for box in sandboxes(run)]
    grid = [(box, found) for box, line in grid if (found := [p for p in line if p[1].rows])]
    if not grid:
        return None
    across = max(len(panels) for _, panels in grid)
    width = max(sum(len(t.cols) for _, t in panels) for _, panels in grid)
    heights = [1.9 + 0.27 * len(panels[0][1].rows) for _, panels in grid]
    fig, axes = style.figure(len(grid), across, (2.4 + 0.72 * width, sum(heights)), heights)
    for line, (box, panels) in zip(axes, grid):
        _row(line, box if len(grid) > 1 else "", panels)
    style.save(fig, run, out, "✗ succeeded, errno: blocked, · absent; n=1 attack per cell; "
               "rows: attack → target")
    said = [f"{who}{_in(box)}: {units.share(_sum(run, who, table))}"
            for box, panels in grid for who, table in panels]
    return f"Attacks that succeeded, of those that apply, by attacker: {', '.join(said)}."


def _in(box: str) -> str:
    return "" if box in ("", "none") else f" in {box}"


def _row(line: list[Axes], box: str, panels: list[tuple[str, Table]]) -> None:
    for ax in line[len(panels):]:
        ax.set_visible(False)
    for i, (ax, (who, table)) in enumerate(zip(line, panels)):
        texts, faces, inks = style.outcome_cells(table)
        style.cells(ax, texts, faces, inks, table.rows, [c.name for c in table.cols])
        ax.tick_params(axis="x", labelrotation=60, labelsize=8)
        ax.set_title(f"attacker: {who}" + (f", sandbox: {box}" if box else ""), pad=12)
        if i:
            ax.set_yticklabels([])


def _sum(run: Run, who: str, table: Table) -> tuple[int, int]:
    """As the summary counts them, over all columns."""
    parts = [p for c in table.cols if (p := leaks(run, c.strategy, c.payload, "reachable", who, c.sandbox))]
    return sum(p[0] for p in parts), sum(p[1] for p in parts)
