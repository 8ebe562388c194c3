# SPDX-License-Identifier: MIT
"""`ready` against the heap that is cloned: a panel per kernel, a line per strategy and pages."""

from __future__ import annotations

from pathlib import Path

from matplotlib.lines import Line2D

import units
from plots import curve, style
from plots.several import common
from runfile import Case
from several import Several

KEYS = ("heap_mb",)
THP = " thp"
DASHES: dict[bool, object] = {False: "-", True: (0, (4, 1.6))}
COLUMNS = 3
Sweep = list[tuple[float, Case]]


def draw(several: Several, out: Path) -> str | None:
    each = [curve.points(r, KEYS) for r in several.runs]
    names = list(dict.fromkeys(name for found in each for name in found))
    if not names:
        return None
    columns = min(COLUMNS, len(each))
    rows = -(-len(each) // columns)
    fig, axes = style.figure(rows, columns, (10.5, 3.3 * rows + 1.2))
    places = [ax for row in axes for ax in row]
    for i, (ax, found) in enumerate(zip(places, each)):
        _panel(ax, found)
        ax.set_title(f"{i + 1}: {common.short(several.labels[i], 60)}", fontsize=7)
    _same_heights([ax for ax, found in zip(places, each) if found])
    for ax in places[len(each):]:
        ax.set_visible(False)
    small = _small(several)
    _legend(fig, names, small)
    cases = [c for found in each for line in found.values() for _, c in line]
    common.save(fig, several, out, "request → ready against MiB of the image: median of block "
                f"medians, log-log; solid: {small}, dashed: huge pages; {style.counts(cases)}")
    return "Ready against heap, by kernel. " + " ".join(
        _say(label, found) for label, found in zip(several.labels, each))


def _plain(name: str) -> str:
    return name.removesuffix(THP)


def _panel(ax: style.Axes, found: dict[str, Sweep]) -> None:
    if not found:
        ax.text(0.5, 0.5, "not measured", ha="center", color=style.MUTED)
        ax.set_axis_off()
        return
    values = sorted({v for line in found.values() for v, _ in line})
    ax.set_xscale("symlog", linthresh=next((v for v in values if v > 0), 1), linscale=0.5)
    ax.set_yscale("log")
    for name, line in found.items():
        some = [(v, m.p50) for v, c in line if (m := c.metric("ready"))]
        ax.plot([v for v, _ in some], [y for _, y in some], linewidth=1.4, markersize=4,
                color=style.colour(_plain(name)), marker=style.marker(_plain(name)),
                linestyle=DASHES[name.endswith(THP)])
    ax.set_xticks(values, [f"{v:g}" for v in values])
    ax.xaxis.set_minor_locator(style.NullLocator())
    ax.set(xlabel="MiB")


def _same_heights(places: list[style.Axes]) -> None:
    low = min(ax.get_ylim()[0] for ax in places)
    high = max(ax.get_ylim()[1] for ax in places)
    for ax in places:
        ax.set_ylim(low, high)
        style.time_axis(ax, "y")


def _small(several: Several) -> str:
    """As all machines have them."""
    ordinary = all("page_bytes" not in r.environment for r in several.runs)
    return "4 KiB pages" if ordinary else "small pages"


def _legend(fig: style.Figure, names: list[str], small: str) -> None:
    strategies = list(dict.fromkeys(map(_plain, names)))
    handles = [Line2D([], [], color=style.colour(s), marker=style.marker(s), markersize=5, label=s)
               for s in strategies]
    if any(n.endswith(THP) for n in names):
        handles += [Line2D([], [], color=style.MUTED, linestyle=DASHES[huge], label=label)
                    for huge, label in ((False, small), (True, "huge pages"))]
    fig.legend(handles=handles, loc="outside upper left", fontsize=8, ncols=min(8, len(handles)),
               handlelength=2.2)


def _say(label: str, found: dict[str, Sweep]) -> str:
    said = []
    for name, line in found.items():
        first, last = line[0], line[-1]
        a, b = first[1].metric("ready"), last[1].metric("ready")
        if a and b:
            said.append(f"{name} {units.time(a.p50)} at {first[0]:g} MiB, {units.time(b.p50)} at "
                        f"{last[0]:g}")
    return f"{label}: {'; '.join(said) or 'not measured'}."
