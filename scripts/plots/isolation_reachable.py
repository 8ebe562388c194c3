# SPDX-License-Identifier: MIT
"""Attack × target against strategy × attacker: what the child reached in other processes."""

from __future__ import annotations

from pathlib import Path

import units
from derive import leaks
from isolation import ATTACKERS, Table, reachable
from plots import style
from runfile import Run


def draw(run: Run, out: Path) -> str | None:
    """A panel per attacker, its columns the strategies."""
    panels = [(who, t) for who in ATTACKERS if (t := reachable(run, who)).rows]
    if not panels:
        return None
    rows = panels[0][1].rows
    width = sum(len(t.cols) for _, t in panels)
    fig, axes = style.figure(1, len(panels), (2.4 + 0.72 * width, 1.9 + 0.27 * len(rows)))
    for i, (ax, (who, table)) in enumerate(zip(axes[0], panels)):
        texts, faces, inks = style.outcome_cells(table)
        style.cells(ax, texts, faces, inks, table.rows, [c.name for c in table.cols])
        ax.tick_params(axis="x", labelrotation=60, labelsize=8)
        ax.set_title(f"attacker: {who}", pad=12)
        if i:
            ax.set_yticklabels([])
    style.save(fig, run, out, "✗ succeeded, errno: blocked, · absent; n=1 attack per cell; "
               "rows: attack → target")
    said = [f"{who}: {units.share(_sum(run, who, table))}" for who, table in panels]
    return f"Attacks that succeeded, of those that apply, by attacker: {', '.join(said)}."


def _sum(run: Run, who: str, table: Table) -> tuple[int, int]:
    """As the summary counts them, over all columns."""
    parts = [p for c in table.cols if (p := leaks(run, c.strategy, c.payload, "reachable", who))]
    return sum(p[0] for p in parts), sum(p[1] for p in parts)
