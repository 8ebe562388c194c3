# SPDX-License-Identifier: MIT
"""One look for all pictures, and the footer that says where their numbers come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.axis import Axis  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.patches import PathPatch  # noqa: E402
from matplotlib.path import Path as Outline  # noqa: E402
from matplotlib.textpath import TextPath  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator  # noqa: E402, F401

import palette  # noqa: E402
import units  # noqa: E402
from isolation import Table  # noqa: E402
from runfile import Case, Run  # noqa: E402

INK, MUTED, RULE, PAPER = (s.light for s in palette.PAGE)
STRATEGY_COLOURS = {name: s.light for name, s in palette.STRATEGIES.items()}
SPARE_COLOURS = tuple(s.light for s in palette.SPARE)
PHASE_COLOURS = {name: s.light for name, s in palette.PHASES.items()}
FILE_COLOURS = tuple(s.light for s in palette.FILES)
#: Face and ink of a cell.
OUTCOMES = {k: (face.light, ink.light) for k, (face, ink) in palette.OUTCOMES.items()}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "*", "p")

RC = {
    "font.family": "DejaVu Sans", "font.size": 9.5, "text.color": INK, "axes.edgecolor": MUTED,
    "axes.labelcolor": INK, "axes.titlecolor": INK, "axes.titlesize": 10.5,
    "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.grid": True,
    "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False,
    "grid.color": RULE, "grid.linewidth": 0.7, "xtick.color": INK, "ytick.color": INK,
    "figure.facecolor": PAPER, "axes.facecolor": PAPER, "savefig.facecolor": PAPER,
    "legend.frameon": False, "svg.fonttype": "path", "svg.hashsalt": "spawnmark",
    "legend.labelcolor": INK}


def colour(strategy: str) -> str:
    """The same colour for a strategy in every picture, known or not."""
    if strategy in STRATEGY_COLOURS:
        return STRATEGY_COLOURS[strategy]
    return SPARE_COLOURS[sum(strategy.encode()) % len(SPARE_COLOURS)]


def marker(strategy: str) -> str:
    """Likewise."""
    known = list(STRATEGY_COLOURS)
    at = known.index(strategy) if strategy in known else sum(strategy.encode())
    return MARKERS[at % len(MARKERS)]


def dash(cases: Sequence[Case], case: Case) -> Any:
    """A line's dashes: told apart from its neighbours also without colour."""
    dashes = ("-", (0, (5, 1.5)), (0, (1.5, 1)), "-.")
    return dashes[list(cases).index(case) % len(dashes)]


def figure(rows: int, cols: int, size: tuple[float, float],
           ratios: Sequence[float] | None = None) -> tuple[Figure, list[list[Axes]]]:
    """A grid of axes; close it with save()."""
    plt.rcParams.update(RC)
    fig, axes = plt.subplots(rows, cols, figsize=size, squeeze=False, layout="constrained",
                             height_ratios=ratios)
    # Letters are a little wider in one format than in another: room for them at the edge.
    fig.get_layout_engine().set(rect=(0, 0, 0.985, 1))  # type: ignore[union-attr,call-arg]
    return fig, [list(row) for row in axes]


def footer(fig: Figure, run: Run, what: str) -> None:
    """Metric, unit, n; host and kernel; the file the numbers are from."""
    quick = ", quick run" if run.mark["quick"] else ""
    part = ", INCOMPLETE run" if run.incomplete else ""
    fig.supxlabel(f"{what}\n{warned()}{run.machine}{quick}{part} · data: {run.source}",
                  fontsize=7.5, color=MUTED, x=0.01, ha="left")


def warned() -> str:
    """Of footers: what is counted, where it is not time."""
    return f"{units.WARNING} · " if units.instructions() else ""


def save(fig: Figure, run: Run, out: Path, what: str) -> None:
    """Writes out.svg and out.png with the footer."""
    footer(fig, run, what)
    write(fig, out)


def write(fig: Figure, out: Path) -> None:
    """out.svg and out.png; a reader never sees half a file. The layout is made once for both."""
    engine = fig.get_layout_engine()
    if engine:
        for _ in range(2):  # texts beside the axes need a second look
            engine.execute(fig)
        fig.set_layout_engine("none")
    for suffix in (".svg", ".png"):
        temporary = out.with_name(f".{out.name}{suffix}.tmp")
        fig.savefig(temporary, format=suffix[1:], dpi=150,
                    metadata={"Date": None} if suffix == ".svg" else None)
        os.replace(temporary, out.with_name(out.name + suffix))
    plt.close(fig)


def counts(cases: Sequence[Case], metric: str = "ready") -> str:
    """'n=60 in 12 blocks', for the footer."""
    found = [m for c in cases if (m := c.metric(metric))]
    if not found:
        return "n=0"
    samples, blocks = {m.n for m in found}, {m.nblocks for m in found}
    plural = "" if blocks == {1} else "s"
    return f"n={span(samples)} in {span(blocks)} block{plural} per point"


def span(values: Iterable[int]) -> str:
    """'60', or '48–60'."""
    found = sorted(set(values))
    return str(found[0]) if len(found) == 1 else f"{found[0]}–{found[-1]}"


def percent(share: float, digits: int = 0) -> str:
    """'+6 %', '−6 %'."""
    return f"{100 * share:+.{digits}f} %".replace("-", "−")


def log_ticks(which: Axis, text: Callable[[float], str], most: int = 4) -> None:
    """Decades, and 2 and 5 between them where few fit; call it when all is plotted.

    most: so many ticks where there is no decade.
    """
    low, high = sorted(which.get_view_interval())
    few = high < 150 * max(low, 1e-12)
    if high < 3 * low:  # hardly a decade's third: as on any other axis
        which.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
        which.set_minor_locator(NullLocator())
    else:
        which.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    which.set_major_formatter(FuncFormatter(lambda v, _: text(v)))
    which.set_minor_formatter(FuncFormatter(lambda _x, _p: ""))


def time_axis(ax: Axes, axis: str = "x", most: int = 4) -> None:
    """Log ticks that carry their own unit, 100 µs, 1 ms; instructions are named by the label."""
    which = ax.xaxis if axis == "x" else ax.yaxis
    log_ticks(which, units.tick, most)
    count_axis(which)


def count_axis(which: Axis) -> None:
    """Call it when the label is set: where instructions are counted, it says so."""
    if units.instructions():
        text = which.get_label_text()
        which.set_label_text(units.head(text) if text else units.INSTRUCTIONS)


@cache
def _glyphs(text: str, size: float) -> tuple[Outline, float]:
    """A text as a marker about its centre, and the marker size that keeps it `size` points high."""
    path = TextPath((0, 0), text, size=size)
    box = path.get_extents()
    centred = path.vertices - [(box.x0 + box.x1) / 2, TextPath((0, 0), "E", size=size)
                               .get_extents().height / 2]
    return Outline(centred, path.codes), 2 * float(abs(centred).max())


def _tiles(places: list[tuple[int, int]]) -> Outline:
    """All of one face as one path."""
    corners = [[(x, y), (x + 0.96, y), (x + 0.96, y + 0.92), (x, y + 0.92), (x, y)]
               for x, y in places]
    codes = [Outline.MOVETO, *[Outline.LINETO] * 3, Outline.CLOSEPOLY] * len(places)
    return Outline([p for box in corners for p in box], codes)


def cells(ax: Axes, texts: list[list[str]], faces: list[list[str]], inks: list[list[str]],
          rows: list[str], cols: list[str], size: float = 7.5) -> None:
    """A matrix of coloured cells, each with its text: colour is never the only sign.

    Every text is a marker that is drawn once and placed often: a tenth of the time and the bytes
    that as many texts would take.
    """
    ax.set(xlim=(0, len(cols)), ylim=(len(rows), 0))
    by_face: dict[str, list[tuple[int, int]]] = {}
    by_text: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for y, line in enumerate(texts):
        for x, text in enumerate(line):
            by_face.setdefault(faces[y][x], []).append((x, y))
            by_text.setdefault((text, inks[y][x]), []).append((x, y))
    for face, places in by_face.items():
        ax.add_patch(PathPatch(_tiles(places), facecolor=face, linewidth=0))
    for (text, ink), places in by_text.items():
        outline, high = _glyphs(text, size)
        ax.plot([x + 0.48 for x, _ in places], [y + 0.47 for _, y in places], linestyle="none",
                marker=outline, markersize=high, markerfacecolor=ink, markeredgewidth=0)
    ax.set_xticks([x + 0.48 for x in range(len(cols))], cols)
    ax.set_yticks([y + 0.47 for y in range(len(rows))], rows)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    for label in ax.get_xticklabels():  # upright where there is no room
        label.set(rotation=55, ha="left", rotation_mode="anchor", fontsize=8.5)
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def outcome_cells(table: Table) -> tuple[list[list[str]], list[list[str]], list[list[str]]]:
    """Texts, faces and inks of an isolation table, for cells()."""
    looks = [[OUTCOMES.get(table.worst(r, c) or "n/a") or OUTCOMES["n/a"] for c in table.cols]
             for r in table.rows]
    texts = [[table.sign(r, c) for c in table.cols] for r in table.rows]
    return texts, [[x[0] for x in line] for line in looks], [[x[1] for x in line] for line in looks]
