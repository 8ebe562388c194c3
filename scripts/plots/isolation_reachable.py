# SPDX-License-Identifier: MIT
"""Attack × target against strategy × attacker: what the child reached in other processes."""

from __future__ import annotations

from pathlib import Path

from isolation import ATTACKERS, reachable
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
    said = [f"{who}: {sum(t.worst(r, c) == 'leaked' for r in t.rows for c in t.cols)} of "
            f"{len(t.rows) * len(t.cols)}" for who, t in panels]
    return f"Attacks that succeeded, by attacker: {', '.join(said)}."
