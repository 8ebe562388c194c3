# SPDX-License-Identifier: MIT
"""Ready latency against heap, a panel per strategy, a line per run."""

from __future__ import annotations

from pathlib import Path

import units
from plots import curve, style
from plots.several import common
from runfile import Case
from several import Several

KEYS = ("heap_mb", "ballast_mb")
Sweep = list[tuple[float, Case]]


def draw(several: Several, out: Path) -> str | None:
    each = [curve.points(r, KEYS) for r in several.runs]
    names = list(dict.fromkeys(name for found in each for name in found))
    if not names:
        return None
    fig, places = common.panels(len(names), 2.0)
    for ax, name in zip(places, names):
        _panel(ax, name, [found.get(name, []) for found in each])
    common.legend(fig, several, lines=True)
    cases = [c for found in each for line in found.values() for _, c in line]
    common.save(fig, several, out, "request → ready against heap in MiB: median of block medians, "
                f"log-log; {style.counts(cases)}")
    return "Ready against heap in every run. " + " ".join(
        _say(name, [found.get(name, []) for found in each], several) for name in names)


def _panel(ax: style.Axes, name: str, each: list[Sweep]) -> None:
    values = sorted({v for line in each for v, _ in line})
    ax.set_xscale("symlog", linthresh=next((v for v in values if v > 0), 1), linscale=0.5)
    ax.set_yscale("log")
    for i, line in enumerate(each):
        some = [(v, m.p50) for v, c in line if (m := c.metric("ready"))]
        ax.plot([v for v, _ in some], [ns for _, ns in some], color=common.colour(i), linewidth=1.4,
                linestyle=common.line_style(i), marker=common.marker(i), markersize=3.5)
    ax.set_xticks(values, [f"{v:g}" for v in values])
    ax.xaxis.set_minor_locator(style.NullLocator())
    ax.set_title(name, fontsize=9)
    style.time_axis(ax, "y")


def _say(name: str, each: list[Sweep], several: Several) -> str:
    said = []
    for line, label in zip(each, several.labels):
        fitted = curve.fit(line)
        if fitted:
            said.append(f"{units.time(fitted.slope.value)} per MiB on {label}")
        elif line and (m := line[-1][1].metric("ready")):
            said.append(f"{units.time(m.p50)} at {line[-1][0]:g} MiB on {label}")
    return f"{name}: {', '.join(said) or 'not measured'}."
