# SPDX-License-Identifier: MIT
"""The one sentence that a report opens with: who wins, by how much, at what price."""

from __future__ import annotations

import units
from derive import Group, Row, attacker, groups, tied_with, winner
from runfile import Run

WHO = {"root": "root", "same": "the same uid", "undumpable": "an undumpable child of the same uid",
       "other": "another uid"}


def _sooner(row: Row) -> str | None:
    if row.case.strategy == "popen" or row.vs_popen is None:
        return None
    word = "sooner" if row.vs_popen.value >= 1 else "as soon"
    return f"{units.times(row.vs_popen)} {word} than popen".replace("as soon than", "as soon as")


def _isolation(run: Run, row: Row) -> list[str]:
    said = []
    if row.inherited:
        said.append(f"{units.share(row.inherited)} secrets inherited")
    if row.reachable:
        who = WHO.get(attacker(run) or "", "an attacker")
        said.append(f"{units.share(row.reachable)} reachable by {who}")
    return said or ["isolation not measured"]


def _memory(group: Group, row: Row) -> str | None:
    if row.pss is None:
        return None
    return f"{units.size(row.pss)} PSS per child with {group.alive} alive"


def about(run: Run, group: Group) -> str:
    """The sentence for one group of strategies."""
    row = winner(group)
    if row is None or row.ready is None:
        return f"{group.label}: no strategy that keeps the parent's secrets has a result."
    tied = tied_with(group)
    equal = f" (not told apart from {', '.join(tied)})" if tied else ""
    if row.ready.ci is None:
        equal = " (too few blocks for an interval)"
    parts = [_sooner(row), *_isolation(run, row), _memory(group, row)]
    said = ", ".join(p for p in parts if p)
    ready = units.time(row.ready.p50, row.ready.ci)
    return f"{row.case.variant}: {group.label} ready in {ready}{equal}, {said}."


def _throughput(run: Run) -> str | None:
    points = [(p["children_per_cpu_s"], c, p) for c in run.of_kind("throughput")
              for p in c.raw["throughput"]
              if p["children_per_cpu_s"] and not (c.is_control or c.is_meter)]
    if not points:
        return None
    best, case, p = max(points, key=lambda x: x[0])
    ci = tuple(p["children_per_cpu_s_ci"]) if p["children_per_cpu_s_ci"] else None
    return (f"{case.variant}: {units.number(best, ci)} children per CPU-second "
            f"({case.label}, {p['cpus']} CPUs, {p['in_flight']} in flight).")


def sentence(run: Run) -> str:
    """About the first group; a run without latencies speaks of what it has."""
    found = groups(run)
    if found:
        return about(run, found[0])
    counted = (f"{len(run.cases)} cases, {len(run.isolation)} isolation findings; no startup "
               "latency in this run.")
    return _throughput(run) or counted
