# SPDX-License-Identifier: MIT
"""What each layer of a sandbox adds to `ready`, a panel per strategy, a mark per kernel."""

from __future__ import annotations

from pathlib import Path

import units
from pivot import merged
from plots import style
from plots.several import common
from sandboxes import NONE, Table, signed, tables
from several import Several

#: Below this the axis is linear: a layer may add nothing, or less.
LINEAR = 2e3
DECADES = (1e4, 1e5, 1e6, 1e7, 1e8, 1e9)


def draw(several: Several, out: Path) -> str | None:
    each = [next(iter(tables(r)), None) for r in several.runs]
    strategies = merged(t.strategies for t in each if t)
    layers = [b for b in merged(t.sandboxes for t in each if t) if b != NONE]
    if not any(_added(t, b, s) is not None for t in each for b in layers for s in strategies):
        return None
    high = 1.7 + (0.16 + 0.07 * len(each)) * len(layers)
    fig, axes = style.figure(1, len(strategies), (10.5, high))
    for at, (ax, strategy) in enumerate(zip(axes[0], strategies)):
        _panel(ax, strategy, layers, each)
        ax.set_yticks(range(len(layers)), layers if at == 0 else [""] * len(layers))
    common.legend(fig, several)
    cases = [p.case for t in each if t for p in t.rows]
    common.save(fig, several, out, "request → ready less the same without a sandbox, paired by "
                f"block; linear within ± {LINEAR / 1e3:g} {units.micro()}; {style.counts(cases)}")
    return "What a layer adds to ready. " + " ".join(
        _say(s, layers, each, several) for s in strategies)


def _added(table: Table | None, layer: str, strategy: str) -> float | None:
    price = table.at(layer, strategy) if table else None
    return price.added.value if price and price.added else None


def _panel(ax: style.Axes, strategy: str, layers: list[str], each: list[Table | None]) -> None:
    ax.set_xscale("symlog", linthresh=LINEAR)
    ax.axvline(0, color=style.MUTED, linewidth=0.8)
    for i, table in enumerate(each):
        some = [(value, y + 0.6 * ((i + 0.5) / len(each) - 0.5)) for y, b in enumerate(layers)
                if (value := _added(table, b, strategy)) is not None]
        ax.plot([x for x, _ in some], [y for _, y in some], linestyle="none", markersize=5,
                marker=common.marker(i), color=common.colour(i))
    ax.set_ylim(len(layers) - 0.4, -0.6)
    ax.set_title(strategy)
    _ticks(ax)
    ax.xaxis.set_major_formatter(style.FuncFormatter(lambda v, _: units.tick(v).replace("-", "−")
                                                     if v else "0"))
    style.count_axis(ax.xaxis)


def _ticks(ax: style.Axes) -> None:
    """Decades that leave room for their labels."""
    low, high = ax.get_xlim()
    most = max(abs(low), abs(high), DECADES[0])
    some = [d for d in DECADES if d <= most]
    some = some[::-1][::1 if len(some) < 3 else 2]
    ax.set_xticks(sorted([0.0, *some, *(-d for d in some if -d >= low)]))
    ax.xaxis.set_minor_locator(style.NullLocator())


def _say(strategy: str, layers: list[str], each: list[Table | None], several: Several) -> str:
    said = []
    for table, label in zip(each, several.labels):
        found = [f"{b} {signed(p.added)}" for b in layers
                 if table and (p := table.at(b, strategy)) and p.added]
        said.append(f"{label}: {', '.join(found) or 'not measured'}")
    return f"{strategy}, {units.micro()} added: {'; '.join(said)}."
