# SPDX-License-Identifier: MIT
"""Random bits that all siblings share: layout, canary, AT_RANDOM, generators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import palette
import units
from plots import style
from runfile import Run, strategy_rank

#: Face and ink by how much is shared; the first and the last follow the page.
SCALE = (style.OUTCOMES["absent"], ("#f7dcc4", palette.FIGURE), ("#eaa877", palette.FIGURE),
         style.OUTCOMES["leaked"])


def draw(run: Run, out: Path) -> str | None:
    """what × strategy; the text is shared of width."""
    bits = run.raw["shared_bits"]
    if not bits:
        return None
    rows = list(dict.fromkeys(b["what"] for b in bits))
    several = len({b["payload"] for b in bits}) > 1
    cols = sorted(dict.fromkeys((b["strategy"], b["payload"]) for b in bits),
                  key=lambda c: strategy_rank(c[0]))
    by = {(b["what"], b["strategy"], b["payload"]): b for b in bits}
    grid = [[_cell(by.get((r, *c))) for c in cols] for r in rows]
    fig, axes = style.figure(1, 1, (2.2 + 0.72 * len(cols), 2.2 + 0.36 * len(rows)))
    siblings = {c: style.span(b["siblings"] for b in bits if (b["strategy"], b["payload"]) == c)
                for c in cols}
    names = [f"{' '.join(c) if several else c[0]}, of {siblings[c]}" for c in cols]
    style.cells(axes[0][0], *[[[cell[i] for cell in line] for line in grid] for i in range(3)],
                rows, names)
    style.save(fig, run, out, "shared bits / width in bits; grey: no more\nthan "
               "chance, which makes width ÷ 2^(n−1) agree;\n"
               f"n={style.span(b['siblings'] for b in bits)} siblings, as each column says")
    return "Bits shared by all siblings: " + "; ".join(map(_say, bits)) + "."


def _say(b: dict[str, Any]) -> str:
    """With what chance alone would make equal: half of all bits between two siblings."""
    who = f"{b['strategy']} {b['payload']} {b['what']}"
    if b["shared_bits"] is None or not b["width_bits"]:
        return f"{who} not measured"
    return (f"{who} {b['shared_bits']} of {b['width_bits']} in {b['siblings']} siblings "
            f"(chance {units.digits(b['width_bits'] * _chance(b), 2)})")


def _chance(b: dict[str, Any]) -> float:
    """Of one bit to be equal in all siblings."""
    return 0.5 ** (b["siblings"] - 1) if b["siblings"] > 1 else 0.0


def _cell(b: dict[str, Any] | None) -> tuple[str, str, str]:
    """Text, face, ink."""
    if b is None or b["shared_bits"] is None or not b["width_bits"]:
        return "–", *SCALE[0]
    chance = _chance(b)
    share = (b["shared_bits"] / b["width_bits"] - chance) / (1 - chance)
    step = 0 if share < 0.25 else 1 if share < 0.5 else 2 if share < 1 else 3
    return f"{b['shared_bits']}/{b['width_bits']}", *SCALE[step]
