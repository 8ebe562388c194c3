# SPDX-License-Identifier: MIT
"""What children cost together, and what of a child's memory is copy-on-write that its work made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import palette
import units
from derive import memory_rows
from plots import style
from runfile import Case, Run

#: Parts of a child's PSS after its work, and their colours.
PARTS = (("private when ready", palette.PHASES["birth"]),
         ("written or loaded by its work", palette.PHASES["work"]),
         ("its share of shared pages", palette.PHASES["exit"]))

Row = dict[str, Any]


def draw(run: Run, out: Path) -> str | None:
    """A row per payload: all memory by children alive; one child's parts with the most alive."""
    payloads = dict.fromkeys(c.payload for c in run.of_kind("memory"))
    found = {p: _lines(run, p) for p in payloads}
    found = {p: lines for p, lines in found.items() if lines}
    if not found:
        return None
    heights = [max(2.7, 0.9 + 0.3 * len(lines)) for lines in found.values()]
    fig, axes = style.figure(len(found), 2, (10.5, sum(heights) + 0.8), heights)
    for (left, right), lines in zip(axes, found.values()):
        label = lines[0][0].label
        _together(left, lines)
        _parts(right, lines)
        left.set_title(label)
    handles, labels = axes[0][1].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper right", ncols=3, fontsize=8)
    style.save(fig, run, out, "left: PSS of parent, server and all children after their work, "
               "log-log; right: parts of one child's PSS,\nwith the most alive that were measured: "
               "private (USS) at ready, what it grew by until worked, the rest; n=1 measurement "
               "per point, mean over the children")
    return "Memory of all, and copy-on-write growth. " + " ".join(
        _say(c, rows) for lines in found.values() for c, rows in lines)


def _lines(run: Run, payload: str) -> list[tuple[Case, dict[tuple[int, str], Row]]]:
    """Each case's measured rows by children alive and instant."""
    found: dict[str, tuple[Case, dict[tuple[int, str], Row]]] = {}
    for case, m in memory_rows(run, payload):
        if m["at"] in ("ready", "worked") and m["pss_bytes"] is not None:
            found.setdefault(case.name, (case, {}))[1][m["alive"], m["at"]] = m
    return [line for line in found.values() if _pair(line[1])]


def _pair(rows: dict[tuple[int, str], Row]) -> tuple[Row, Row] | None:
    """Ready and worked with the most alive that has both."""
    alive = [n for n, at in rows if at == "worked" and (n, "ready") in rows]
    n = max(alive, default=None)
    return (rows[n, "ready"], rows[n, "worked"]) if n is not None else None


def _together(ax: style.Axes, lines: list[tuple[Case, dict[tuple[int, str], Row]]]) -> None:
    for case, rows in lines:
        some = sorted((n, m["total_pss_bytes"]) for (n, at), m in rows.items()
                      if at == "worked" and m["total_pss_bytes"])
        ax.plot([n for n, _ in some], [v for _, v in some], color=style.colour(case.strategy),
                marker=style.marker(case.strategy), markersize=5, linewidth=1.5,
                label=case.variant)
    counts = sorted({n for _, rows in lines for n, _ in rows})
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(counts[0] / 1.25, counts[-1] * 1.25)
    ax.set_xticks(counts, [str(n) for n in counts])
    ax.xaxis.set_minor_locator(style.NullLocator())
    style.log_ticks(ax.yaxis, _size_tick)
    ax.set(xlabel="children alive", ylabel="PSS of all")
    ax.legend(fontsize=7, loc="upper left", ncols=2, handlelength=1.5, labelspacing=0.25)


def _size_tick(value: float) -> str:
    unit, scale = units.unit_of(value, units.BYTE_UNITS)
    return f"{value / scale:g} {unit}"


def _pieces(rows: dict[tuple[int, str], Row]) -> tuple[int, list[float]]:
    """Children alive, and the bytes of PARTS."""
    pair = _pair(rows)
    assert pair
    ready, worked = pair
    before = min(ready["uss_bytes"] or 0, worked["uss_bytes"] or 0)
    grown = (worked["uss_bytes"] or 0) - before
    return worked["alive"], [before, grown, max(0.0, worked["pss_bytes"] - before - grown)]


def _parts(ax: style.Axes, lines: list[tuple[Case, dict[tuple[int, str], Row]]]) -> None:
    most = max(sum(_pieces(rows)[1]) for _, rows in lines)
    unit, scale = units.unit_of(most, units.BYTE_UNITS)
    for y, (case, rows) in enumerate(lines):
        alive, pieces = _pieces(rows)
        left = 0.0
        for (label, shade), piece in zip(PARTS, pieces):
            ax.barh(y, piece, left=left, height=0.62, color=shade.light,
                    label=label if y == 0 else None)
            left += piece
        ax.text(left + most * 0.015, y, f"{units.size(left)}, {units.size(pieces[1])} by its work"
                f" ({alive} alive)", va="center", fontsize=7)
    ax.set_yticks(range(len(lines)), [c.variant for c, _ in lines])
    ax.set(ylim=(len(lines) - 0.4, -0.6), xlim=(0, most * 1.75))
    ax.xaxis.set_major_formatter(style.FuncFormatter(lambda v, _: f"{v / scale:g} {unit}"))
    ax.xaxis.set_major_locator(style.MaxNLocator(4))
    ax.grid(False, axis="y")


def _say(case: Case, rows: dict[tuple[int, str], Row]) -> str:
    alive, (before, grown, shared) = _pieces(rows)
    return (f"{case.variant} {case.label}, {alive} alive: {units.size(before)} private when ready, "
            f"{units.size(grown)} more after work, {units.size(shared)} share of shared pages.")
