# SPDX-License-Identifier: MIT
"""The one sentence that a report opens with: who wins, by how much, at what price."""

from __future__ import annotations

import openloop
import units
from derive import Group, Row, against, attacker, control_failed, groups, winner
from model import HEAP_R2, model_of
from runfile import Run
from sandboxes import signed, tables
from stats import Estimate

WHO = {"root": "root", "same": "the same uid", "undumpable": "an undumpable child of the same uid",
       "other": "another uid"}


def _sooner(row: Row, gain: Estimate | None) -> str:
    """', 400 × [390, 410] sooner than popen'."""
    if row.case.strategy == "popen" or gain is None:
        return ""
    level = f"as {'many' if units.instructions() else 'soon'} as"
    word = f"{units.sooner()} than" if gain.value >= 1 else level
    return f", {units.times(gain)} {word} popen"


def _times(row: Row) -> str:
    """Both metrics: copy-on-write moves cost from one to the other, so neither stands alone."""
    ready, worked = row.ready, row.worked
    assert ready is not None  # winner() chose it
    said = f"ready in {units.time(ready.p50, ready.ci)}{_sooner(row, row.vs_popen)}"
    if worked is None:
        return said
    gain = _sooner(row, row.worked_vs_popen).replace(f" {units.sooner()} than popen", "")
    return f"{said}; first work done after {units.time(worked.p50, worked.ci)}{gain}"


def _isolation(run: Run, row: Row) -> str:
    said = []
    if control_failed(run, row.case.payload):
        said.append("inheritance unknown (control failed: fork was not seen to inherit)")
    elif row.inherited:
        said.append(f"{units.share(row.inherited)} secrets of the parent inherited")
    if row.reachable:
        who = WHO.get(attacker(run) or "", "an attacker")
        said.append(f"{units.share(row.reachable)} reachable by {who}")
    return ", ".join(said) or "isolation not measured"


def rivals(group: Group, row: Row) -> list[str]:
    """Who the blocks cannot tell from the winner, or who beats it, by either metric."""
    said = []
    for metric in ("ready", "worked"):
        found = against(group, row, metric)
        level = [(r, e) for r, e in found if e.low <= 1 <= e.high]
        ahead = [(r, e) for r, e in found if e.high < 1]
        for them, word in ((ahead, units.sooner()), (level, "level with it")):
            names = ", ".join(f"{r.case.variant} ({units.times(e)})" for r, e in them)
            said += [f"by {metric}, {word}: {names}"] if names else []
    return said


def about(run: Run, group: Group) -> str:
    """The sentence for one group of strategies."""
    row = winner(group)
    if row is None or row.ready is None:
        return f"{group.label}: no strategy that keeps the parent's secrets has a result."
    parts = [f"{row.case.variant}: {group.label} {_times(row)}", _isolation(run, row)]
    if row.pss is not None:
        parts.append(f"{units.size(row.pss)} PSS per child with {group.alive} alive")
    if row.idle is not None:
        parts.append(f"{units.size(row.idle)} PSS for each that waits")
    parts += rivals(group, row)
    if row.ready.ci is None:
        parts.append("too few blocks for an interval")
    return "; ".join(parts) + "."


def _throughput(run: Run) -> str | None:
    points = [(p["children_per_cpu_s"], c, p) for c in run.of_kind("throughput")
              for p in c.raw["throughput"]
              if p["children_per_cpu_s"] and not (c.is_control or c.is_meter)]
    if not points:
        return None
    best, case, p = max(points, key=lambda x: x[0])
    ci = tuple(p["children_per_cpu_s_ci"]) if p["children_per_cpu_s_ci"] else None
    return (f"{case.variant}: {units.number(best, ci)} children per {units.cpu()} "
            f"({case.label}, {p['cpus']} CPUs, {p['in_flight']} in flight).")


def _sandbox(run: Run) -> str | None:
    """What the most layers at once add, under each strategy."""
    for table in tables(run):
        said = [f"{s} {signed(p.added)} {units.micro()}" for s in table.strategies
                if (p := table.at("full", s)) and p.added]
        if said:
            return f"Every layer of the sandbox adds to ready ({table.label}): {', '.join(said)}."
    return None


def _model(run: Run) -> str | None:
    """What a MiB costs by strategy, and whether it costs the same everywhere."""
    model = model_of(run)
    fits = [f for s in model.strategies if (f := model.fits.get((s, "ready")))] if model else []
    if model is None or not fits:
        return None
    said = [f"{f.strategy} {units.time(e.value, e.ci)}" for f in fits if f.is_steep
            and (e := f.coefficients.get("copied_mib"))]
    flat = [f.strategy for f in fits if not f.is_steep]
    said += [f"hardly under {', '.join(flat)}"] if flat else []
    bent = model.bent("ready")
    told = (f"NOT linear (R² < {HEAP_R2}) under {', '.join(bent)}" if bent else
            f"R² of the heap ≥ {HEAP_R2} under all that clone it")
    if model.crowded:
        told += "; CPU per child or p10 is linear there: the machine was shared"
    return f"ready grows per MiB that is copied by: {', '.join(said)}; {told}."


def sentence(run: Run) -> str:
    """About the first group; a run without latencies speaks of what it has."""
    found = groups(run)
    if found:
        return about(run, found[0])
    counted = (f"{len(run.cases)} cases, {len(run.isolation)} isolation findings; no startup "
               "latency in this run.")
    return (_throughput(run) or _sandbox(run) or openloop.sentence(run) or _model(run)
            or counted)
