# SPDX-License-Identifier: MIT
"""Secret × strategy: what the child found in its own memory and descriptors."""

from __future__ import annotations

from pathlib import Path

from derive import attacker, leaks
from isolation import inherited, sandboxes
from plots import style
from runfile import Run


def draw(run: Run, out: Path) -> str | None:
    """Cells of the summary's attacker, worst outcome of all attacks; sandboxes: on the page."""
    table = inherited(run, next(iter(sandboxes(run)), None))
    if not table.rows:
        return None
    fig, axes = style.figure(1, 1, (2.8 + 0.56 * len(table.cols), 2.2 + 0.24 * len(table.rows)))
    texts, faces, inks = style.outcome_cells(table)
    style.cells(axes[0][0], texts, faces, inks, table.rows, [c.name for c in table.cols])
    style.save(fig, run, out, "✗ leaked, errno: blocked, · absent; n=1 attack per cell\n"
               f"attacker {attacker(run)}; payload "
               f"{', '.join(dict.fromkeys(c.payload for c in table.cols))}")
    said = []
    for col in table.cols:
        part = leaks(run, col.strategy, col.payload, "inherited", sandbox=col.sandbox)
        said.append(f"{col.name} {part[0]} of {part[1]}" if part else f"{col.name} none looked for")
    return f"Secrets of the parent inherited: {', '.join(said)}."
