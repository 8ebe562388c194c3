# SPDX-License-Identifier: MIT
"""One spawn per strategy as a sequence diagram: lanes parent, server, child, measured instants.

Each panel is one real sample, the one whose `worked` is the median. A dot is an instant that a
process took; a solid arrow joins two such instants. The server's reply is dashed, because when it
left the server is not known; when a child died is not known either: its bar fades until the parent
has reaped it.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.patches import Patch

import units
from derive import groups
from plots import style
from plots.labels import along
from runfile import Case, Run

PARENT_INSTANTS = ("created", "recorded", "reaped")
CLONER_INSTANTS = ("received", "cloning")  # the server's, or the parent's own where there is none
CHILD_INSTANTS = ("entered", "ready", "worked")
MOST = 9
BARS = (("birth", "the call, the server's turn"), ("load", "loading"), ("work", "first work"),
        ("exit", "exit, until reaped"))
NOTE = ("n=1: of every strategy the measured spawn whose `worked` is the median; time after the "
        "request, linear, each strategy its own scale")


class Spawn:
    """One case's timeline with its lanes' heights; ns after request."""

    def __init__(self, case: Case) -> None:
        self.case = case
        raw = case.raw["timeline"]
        self.at: dict[str, float] = {k: v for k, v in raw.items() if v is not None}
        # A child that was made ahead is asked itself.
        self.served = "received" in self.at or ("OWN_SERVER" in case.traits
                                                and "AHEAD" not in case.traits)
        self.child = 0.0
        self.server = 1.0
        self.parent = 2.0 if self.served else 1.0
        self.end = max(self.at.values(), default=1.0) or 1.0

    @property
    def height(self) -> float:
        """Inches."""
        return 2.35 if self.served else 1.75


def drawable(case: Case) -> bool:
    return bool(case.raw["timeline"]) and any(
        v is not None for v in case.raw["timeline"].values())


def _chosen(cases: list[Case]) -> list[Case]:
    """Where there are too many: of those that exec every child one, for they look alike."""
    if len(cases) > MOST:
        execs = [c for c in cases if "FRESH_IMAGE" in c.traits]
        cases = [c for c in cases if c not in execs[1:]]
    return cases[:MOST]


def draw(run: Run, out: Path) -> str | None:
    """The first headline payload; each panel has a linear time axis of its own."""
    found = next((g for g in groups(run) if any(map(drawable, g.cases))), None)
    if found is None:
        return None
    plain = [c for c in found.cases if drawable(c) and c.target in (None, "dynamic")]
    spawns = [Spawn(c) for c in _chosen(plain or [c for c in found.cases if drawable(c)])]
    heights = [s.height for s in spawns]
    total = sum(heights) + 0.9
    fig, axes = style.figure(len(spawns), 1, (10.5, total), heights)
    fig.suptitle(f"One spawn, request to reaped: {found.label}", fontsize=13, fontweight="bold",
                 x=0.01, ha="left")
    for row, spawn in zip(axes, spawns):
        _frame(row[0], spawn)
    handles = [Patch(color=style.PHASE_COLOURS[phase], label=text) for phase, text in BARS]
    fig.legend(handles=handles, title="bars", loc="outside upper right", ncols=len(BARS),
               fontsize=8, title_fontsize=8, handlelength=1.6, alignment="right")
    # The last panel's time axis is drawn only once all sizes are frozen: room for it.
    fig.get_layout_engine().set(  # type: ignore[union-attr]
        hspace=0.06, rect=(0, 0.15 / total, 1, 1 - 0.15 / total))  # type: ignore[call-arg]
    style.footer(fig, run, NOTE)
    fig.draw_without_rendering()  # final sizes, frozen: the labels are placed by the pixel
    fig.set_layout_engine("none")
    for row, spawn in zip(axes, spawns):
        _fill(row[0], spawn)
    style.save(fig, run, out, NOTE)
    return "Timelines of one spawn. " + " ".join(_say(s) for s in spawns)


def _say(spawn: Spawn) -> str:
    said = ", ".join(f"{k} {units.time(v)}" for k, v in sorted(spawn.at.items(),
                                                               key=lambda kv: kv[1]))
    return f"{spawn.case.variant}: {said} after the request."


def _frame(ax: style.Axes, spawn: Spawn) -> None:
    """Axes, lanes and title: everything that decides the panel's size."""
    case = spawn.case
    unit, scale = units.time_unit(spawn.end)
    ax.set(xlim=(-0.012 * spawn.end, 1.012 * spawn.end), ylim=(-0.75, spawn.parent + 0.72))
    lanes = [(spawn.parent, "parent"), (spawn.child, "child")]
    lanes += [(spawn.server, "server")] if spawn.served else []
    ax.set_yticks([y for y, _ in lanes], [n for _, n in lanes])
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")
    ax.xaxis.set_major_formatter(style.FuncFormatter(lambda v, _: f"{v / scale:g} {units.bare(unit)}"))
    style.count_axis(ax.xaxis)
    ax.spines["left"].set_visible(False)
    mark = "  (unsafe: negative control)" if case.is_control else ""
    ax.set_title(f"{case.variant}{mark}")
    ax.set_title(case.raw["summary"] or "", loc="right", fontsize=8, fontweight="normal",
                 color=style.MUTED)


def _fill(ax: style.Axes, spawn: Spawn) -> None:
    at, shade = spawn.at, style.colour(spawn.case.strategy)
    long_lived = [spawn.parent] + ([spawn.server] if spawn.served else [])
    for lane in long_lived:
        ax.plot((0, spawn.end), (lane, lane), color=style.RULE, linewidth=5, zorder=1,
                solid_capstyle="butt")
    _span(ax, spawn.parent, 0.0, at.get("created"), style.PHASE_COLOURS["birth"])
    if spawn.served:
        _span(ax, spawn.server, at.get("received"), at.get("cloning"),
              style.PHASE_COLOURS["birth"])
    _span(ax, spawn.child, at.get("entered"), at.get("ready"), style.PHASE_COLOURS["load"])
    _span(ax, spawn.child, at.get("ready"), at.get("worked"), style.PHASE_COLOURS["work"])
    _span(ax, spawn.child, at.get("worked"), at.get("reaped"), style.PHASE_COLOURS["exit"])
    _arrows(ax, spawn, shade)
    own = PARENT_INSTANTS if spawn.served else (*CLONER_INSTANTS, *PARENT_INSTANTS)
    parent = [(0.0, "request"), *_points(spawn, own)]
    child = _points(spawn, CHILD_INSTANTS)
    server = _points(spawn, CLONER_INSTANTS) if spawn.served else []
    for points, lane in ((parent, spawn.parent), (server, spawn.server), (child, spawn.child)):
        ax.plot([x for x, _ in points], [lane] * len(points), "o", color=shade, markersize=5,
                markeredgecolor=style.PAPER, markeredgewidth=0.8, zorder=5, clip_on=False)
    along(ax, parent, spawn.parent, spawn.parent + 0.5)
    along(ax, child, spawn.child, spawn.child - 0.48)
    if server:  # in the wedge that reply and clone leave open
        ax.annotate(", ".join(text for _, text in server), (server[-1][0], spawn.server),
                    xytext=(30, 0), textcoords="offset points", va="center", fontsize=7.8,
                    zorder=6, bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.8})


def _points(spawn: Spawn, names: tuple[str, ...]) -> list[tuple[float, str]]:
    return [(spawn.at[n], f"{n} {units.cell(spawn.at[n])}") for n in names if n in spawn.at]


def _span(ax: style.Axes, lane: float, start: float | None, end: float | None,
          shade: str) -> None:
    if start is not None and end is not None and end > start:
        ax.barh(lane, end - start, left=start, height=0.2, color=shade, zorder=3)


def _arrow(ax: style.Axes, tail: tuple[float | None, float], tip: tuple[float | None, float],
           shade: str, line: str = "-") -> None:
    if tail[0] is None or tip[0] is None:
        return
    ax.annotate("", xy=tip, xytext=tail, zorder=4, annotation_clip=False,
                arrowprops={"arrowstyle": "-|>,head_width=0.17,head_length=0.34", "color": shade,
                            "linewidth": 1.25, "linestyle": line, "shrinkA": 2, "shrinkB": 3})


def _arrows(ax: style.Axes, spawn: Spawn, shade: str) -> None:
    at = spawn.at
    if spawn.served:
        _arrow(ax, (0.0, spawn.parent), (at.get("received"), spawn.server), shade)
        _arrow(ax, (at.get("cloning"), spawn.server), (at.get("entered"), spawn.child), shade)
        _arrow(ax, (at.get("cloning"), spawn.server), (at.get("created"), spawn.parent),
               style.MUTED, "--")
    else:
        _arrow(ax, (at.get("cloning", 0.0), spawn.parent), (at.get("entered"), spawn.child), shade)
    _arrow(ax, (at.get("worked"), spawn.child), (at.get("recorded"), spawn.parent), shade)
    _arrow(ax, (at.get("reaped"), spawn.child), (at.get("reaped"), spawn.parent), style.MUTED, "--")
