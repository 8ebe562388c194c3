# SPDX-License-Identifier: MIT
"""One look for all pictures, and the footer that says where their numbers come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.axis import Axis  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator  # noqa: E402, F401

import units  # noqa: E402
from isolation import Table  # noqa: E402
from runfile import Case, Run  # noqa: E402

#: Colours of the page, replaced by its own when a picture is set into report.html.
INK, MUTED, RULE, PAPER = "#1b1f24", "#667080", "#e2e5e9", "#ffffff"
#: From Okabe and Ito's palette, and dark ones between: told apart with every common kind of colour
#: blindness, together with their markers. Execs are blue, controls red, servers yellow to green.
STRATEGY_COLOURS = {
    "popen": "#0072b2", "vfork": "#56b4e9", "posix_spawn": "#332288", "shell": "#7d8da6",
    "fork": "#d55e00", "recycle": "#882255", "forkserver": "#e69f00", "zygote": "#009e73",
    "zygote3": "#0b4f3a", "subreaper": "#b8a300", "pool": "#cc79a7", "raw": "#8a8f98",
    "noop": "#c2c6cc"}
SPARE_COLOURS = ("#7b4ea3", "#8c5a2b", "#505050", "#1aa6a6")
#: Of no strategy, and pale enough for a figure in ink on them.
PHASE_COLOURS = {"birth": "#8fa3bf", "load": "#dccdf2", "work": "#a488d6", "exit": "#c9ccd1"}
#: Face and ink of a cell.
OUTCOMES = {"leaked": ("#d55e00", "#fefefe"), "blocked": ("#9ccbe8", "#1b1f25"),
            "absent": ("#eef0f2", "#4b5563"), "n/a": ("#fafafa", "#7a808a")}
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


def figure(rows: int, cols: int, size: tuple[float, float],
           ratios: Sequence[float] | None = None) -> tuple[Figure, list[list[Axes]]]:
    """A grid of axes; close it with save()."""
    plt.rcParams.update(RC)
    fig, axes = plt.subplots(rows, cols, figsize=size, squeeze=False, layout="constrained",
                             height_ratios=ratios)
    return fig, [list(row) for row in axes]


def footer(fig: Figure, run: Run, what: str) -> None:
    """Metric, unit, n; host and kernel; the file the numbers are from."""
    quick = ", quick run" if run.mark["quick"] else ""
    part = ", INCOMPLETE run" if run.incomplete else ""
    fig.supxlabel(f"{what}\n{run.machine}{quick}{part} · data: {run.source}", fontsize=7.5,
                  color=MUTED, x=0.01, ha="left")


def save(fig: Figure, run: Run, out: Path, what: str) -> None:
    """Writes out.svg and out.png with the footer; a reader never sees half a file."""
    footer(fig, run, what)
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


def _tick(ns: float) -> str:
    unit, scale = units.time_unit(ns)
    return f"{ns / scale:g} {unit}"


def log_ticks(which: Axis, text: Callable[[float], str]) -> None:
    """Decades, and 2 and 5 between them where few fit; call it when all is plotted."""
    low, high = sorted(which.get_view_interval())
    few = high < 150 * max(low, 1e-12)
    which.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    which.set_major_formatter(FuncFormatter(lambda v, _: text(v)))
    which.set_minor_formatter(FuncFormatter(lambda _x, _p: ""))


def time_axis(ax: Axes, axis: str = "x") -> None:
    """Log ticks that carry their own unit: 100 µs, 1 ms."""
    which = ax.xaxis if axis == "x" else ax.yaxis
    log_ticks(which, _tick)


def cells(ax: Axes, texts: list[list[str]], faces: list[list[str]], inks: list[list[str]],
          rows: list[str], cols: list[str], size: float = 7.5) -> None:
    """A matrix of coloured cells, each with its text: colour is never the only sign."""
    for y, line in enumerate(texts):
        for x, text in enumerate(line):
            ax.add_patch(plt.Rectangle((x, y), 0.96, 0.92, facecolor=faces[y][x], linewidth=0))
            ax.text(x + 0.48, y + 0.47, text, ha="center", va="center", fontsize=size,
                    color=inks[y][x])
    ax.set(xlim=(0, len(cols)), ylim=(len(rows), 0))
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
