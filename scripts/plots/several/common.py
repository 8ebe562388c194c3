# SPDX-License-Identifier: MIT
"""What pictures of several runs share: the runs' colours, a grid of panels, the footer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten

from matplotlib.lines import Line2D

from plots import style
from several import Line, Several

COLUMNS = 4
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)))


def colour(i: int) -> str:
    return style.FILE_COLOURS[i % len(style.FILE_COLOURS)]


def marker(i: int) -> str:
    return style.MARKERS[i % len(style.MARKERS)]


def line_style(i: int) -> object:
    """More runs than colours: dashed the second time."""
    return DASHES[i // len(style.FILE_COLOURS) % len(DASHES)]


def row(several: Several) -> float:
    """Inches of a strategy's row, in which every run has a place of its own."""
    return 0.24 + 0.05 * len(several.runs)


def short(text: str, width: int = 44) -> str:
    """A label for a legend; the page has it whole."""
    return shorten(text, width, placeholder="…") if " " in text else text[:width]


def legend(fig: style.Figure, several: Several, lines: bool = False) -> None:
    """All runs, above the panels."""
    handles = [Line2D([], [], color=colour(i), marker="" if lines else marker(i), markersize=5.5,
                      linestyle=line_style(i) if lines else "none", label=f"{i + 1}: {short(name)}")
               for i, name in enumerate(several.labels)]
    fig.legend(handles=handles, loc="outside upper left", fontsize=8,
               ncols=min(2, len(handles)), handlelength=1.8)


def panels(n: int, height: float, share_y: bool = False) -> tuple[style.Figure, list[style.Axes]]:
    """n axes in rows of four; those beyond are not there."""
    rows, columns = -(-n // COLUMNS), min(COLUMNS, n)
    fig, axes = style.figure(rows, columns, (10.5, height * rows + 1.1))
    places = [ax for row in axes for ax in row]
    for ax in places[n:]:
        ax.set_visible(False)
    if share_y:
        for ax in places[1:n]:
            ax.sharey(places[0])
    return fig, places[:n]


def save(fig: style.Figure, several: Several, out: Path, what: str) -> None:
    sources = ", ".join(dict.fromkeys(r.source for r in several.runs))
    told = style.warned().removesuffix(" · ")
    fig.supxlabel("\n".join(filter(None, (what, told, f"data: {short(sources, 130)}"))), fontsize=7.5,
                  color=style.MUTED, x=0.01, ha="left")
    style.write(fig, out)


def measured(lines: Sequence[Line], metric: str) -> list[Line]:
    return [x for x in lines if any(x.metrics(metric))]


def blocks(lines: Sequence[Line], metric: str) -> str:
    """'n=9–12 blocks'."""
    n = [m.nblocks for x in lines for m in x.metrics(metric) if m]
    return f"n={style.span(n)} blocks per mark"
