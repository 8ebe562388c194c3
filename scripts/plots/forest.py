# SPDX-License-Identifier: MIT
"""Ratios of all strategies to two of them, paired by block: who is sooner, and how surely."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import units
from derive import Group, groups, peer_of
from plots import style
from runfile import Case, Run
from stats import Estimate, ratio

REFERENCES = ("popen", "zygote")
METRICS = (("ready", -0.17, True), ("worked", 0.17, False))  # name, place in its row, filled


@dataclass(frozen=True)
class Gain:
    """The reference's block median ÷ the case's."""

    case: Case
    metric: str
    est: Estimate


def gains(group: Group, reference: str) -> list[Gain]:
    """Of every case but the reference's own."""
    found = []
    for case in group.cases:
        peer = peer_of(group, case, reference)
        if peer is None or peer is case:
            continue
        for name, _, _ in METRICS:
            mine, theirs = case.metric(name), peer.metric(name)
            est = ratio(theirs.blocks, mine.blocks) if mine and theirs else None
            if est and est.value > 0:
                found.append(Gain(case, name, est))
    return found


def draw(run: Run, out: Path) -> str | None:
    """A row per group, a panel per reference; shared places, so that a strategy is one line."""
    found = {g: {r: gains(g, r) for r in REFERENCES} for g in groups(run)}
    found = {g: by for g, by in found.items() if any(by.values())}
    if not found:
        return None
    heights = [0.9 + 0.34 * len(g.cases) for g in found]
    fig, axes = style.figure(len(found), 2, (10.5, sum(heights) + 0.8), heights)
    for row, (group, by) in zip(axes, found.items()):
        for ax, reference in zip(row, REFERENCES):
            _panel(ax, group, by[reference], reference)
        row[0].set_title(f"{group.title}\n")
        row[1].set_yticklabels([])
    n = [x.est.n for by in found.values() for gs in by.values() for x in gs]
    style.save(fig, run, out, "the reference's block median ÷ the strategy's in the same block: "
               "median and 95 % interval; filled: ready, hollow: worked; log scale; "
               f"n={style.span(n)} pairs of blocks")
    return "Ratios, paired by block. " + " ".join(
        _say(g, r, gs) for g, by in found.items() for r, gs in by.items() if gs)


def _panel(ax: style.Axes, group: Group, found: list[Gain], reference: str) -> None:
    places = {c.name: y for y, c in enumerate(group.cases)}
    ax.set_yticks(range(len(places)), [c.variant for c in group.cases])
    ax.set_ylim(len(places) - 0.4, -0.6)
    if not found:
        ax.text(0.5, 0.5, f"{reference} was not measured here", transform=ax.transAxes,
                ha="center", color=style.MUTED)
        ax.set_xticks([])
        return
    ends = [1.0, *(x.est.low for x in found), *(x.est.high for x in found)]
    ax.set_xscale("log")
    ax.set_xlim(min(ends) / 1.35, max(ends) * (max(ends) / min(ends)) ** 0.5 * 1.6)
    ax.axvline(1, color=style.MUTED, linewidth=1)
    for case in (c for c in group.cases if c.name not in {x.case.name for x in found}):
        ax.annotate("the reference" if case.strategy == reference else "not measured",
                    (1, places[case.name]), xytext=(7, 0), textcoords="offset points",
                    va="center", fontsize=7, color=style.MUTED)
    for name, shift, filled in METRICS:
        for x in (x for x in found if x.metric == name):
            _point(ax, x, places[x.case.name] + shift, filled)
    style.log_ticks(ax.xaxis, lambda v: f"{v:.12g}")
    if isinstance(ax.xaxis.get_major_locator(), style.LogLocator):
        ax.xaxis.get_major_locator().set_params(numticks=7)
    ax.set_title(f"{reference} ÷ strategy: {units.sooner()} to the right of 1", loc="right",
                 fontsize=8.5, fontweight="normal", color=style.MUTED)


def _point(ax: style.Axes, gain: Gain, y: float, filled: bool) -> None:
    shade = style.colour(gain.case.strategy)
    if gain.est.ci:
        ax.plot(gain.est.ci, (y, y), color=shade, linewidth=2.2, solid_capstyle="butt")
    ax.plot(gain.est.value, y, marker=style.marker(gain.case.strategy), color=shade, markersize=5.5,
            markerfacecolor=shade if filled else style.PAPER)
    ax.annotate(units.times(gain.est), (gain.est.high, y), xytext=(7, 0),
                textcoords="offset points", va="center", fontsize=7,
                bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.6})


def _say(group: Group, reference: str, found: list[Gain]) -> str:
    said = [f"{x.case.variant} {units.times(x.est)}" for x in found if x.metric == "ready"]
    return f"{group.title}, ready, {reference} ÷ strategy: {', '.join(said) or 'none'}."
