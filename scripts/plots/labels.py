# SPDX-License-Identifier: MIT
"""Labels along a line that do not run into each other, with leaders to what they name."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from scipy.optimize import isotonic_regression

from plots import style


def spread(centres: Sequence[float], widths: Sequence[float], low: float,
           high: float) -> list[float]:
    """Centres moved as little as possible (least squares) so that no two boxes overlap.

    Subtracting the widths that must lie before each box turns "no overlap" into "ascending",
    which isotonic regression solves exactly. centres must be sorted.
    """
    before, room = [], 0.0
    for width in widths:
        before.append(room + width / 2)
        room += width
    slack = [c - b for c, b in zip(centres, before)]
    fitted = isotonic_regression(slack).x if slack else []
    limit = max(low, high - room)
    return [min(max(float(s), low), limit) + b for s, b in zip(fitted, before)]


def along(ax: Axes, points: Sequence[tuple[float, str]], lane: float, height: float) -> None:
    """Writes each (x, text) at `height` beside `lane`, a leader from its exact x to the text.

    The axes must have their final size and limits: texts are measured in pixels.
    """
    ordered = sorted(points)
    gap = 9
    made = [ax.text(x, height, text, ha="center", va="center", fontsize=7.8, zorder=6,
                    bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.8})
            for x, text in ordered]
    renderer = ax.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    widths = [t.get_window_extent(renderer).width + gap for t in made]
    box = ax.get_window_extent(renderer)
    to_pixel = ax.transData
    centres = [to_pixel.transform((x, 0))[0] for x, _ in ordered]
    placed = spread(centres, widths, box.x0 - 6, box.x1 + 6)
    for text, (x, _), pixel in zip(made, ordered, placed):
        where = to_pixel.inverted().transform((pixel, 0))[0]
        text.set_x(where)
        edge = height - (0.19 if height > lane else -0.19)
        ax.plot((x, where), (lane, edge), color=style.MUTED, linewidth=0.7, zorder=2,
                clip_on=False)
