# SPDX-License-Identifier: MIT
"""What disturbed a run, by the meters that the driver keeps outside of what is measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import units
from runfile import METRICS, Case, Run

#: The driver's names of bounds, as a reader knows them.
CAUSES = {"steal": "steal", "others": "other processes", "psi": "CPU pressure",
          "clock": "low clock"}


def _by_cause(noise: dict[str, Any], what: str) -> str:
    found = {CAUSES.get(name, name): n[what] for name, n in noise["reasons"].items() if n[what]}
    return found and ": " + ", ".join(f"{cause} {n}" if len(found) > 1 else cause
                                      for cause, n in found.items()) or ""


def line(run: Run) -> str | None:
    """'2 of 180 blocks re-run: steal'. None: nothing was disturbed, or the file is of old."""
    noise = run.mark.get("noise")
    if not noise:
        return None
    blocks, rerun, used = noise["blocks"], noise["rerun"], noise["noisy_used"]
    said = [f"{rerun} of {blocks} blocks re-run{_by_cause(noise, 'rerun')}"] if rerun else []
    if used:
        said.append(f"{used} of {blocks} noisy but used{_by_cause(noise, 'used')}")
    return "; ".join(said) or None


def told(run: Run) -> str:
    """The same as a sentence, which says so where there is nothing to say."""
    if not run.mark.get("noise"):
        return "The run is from before there were bounds of noise."
    return f"{line(run) or 'No block was over a bound'}."


@dataclass(frozen=True)
class Again:
    """A visit that does not count, beside the one that took its place, which may not either."""

    case: str
    block: int
    reason: str
    what: str  # ready, or a point of a throughput
    first: str
    second: str
    counts: bool


TWIN = "the other side of its pair was noisy"
#: The first that both visits have: a meter of the machine has no child that gets ready.
SHOWN = ("ready", *(m for m in METRICS if m != "ready"))


def _medians(case: Case, visit: dict[str, Any]) -> dict[str, float | None]:
    """What a visit found, by metric; of one that counts, from the case's figures."""
    if visit.get("superseded"):
        return visit["medians"]
    found = {name: case.metric(name) for name in METRICS}
    return {name: m.blocks.get(visit["index"]) for name, m in found.items() if m}


def _rates(case: Case, visit: dict[str, Any]) -> dict[str, float | None]:
    """Of a throughput block: children per CPU-second at each of its points."""
    if visit.get("superseded"):
        return {_point(p): p["children_per_cpu_s"] for p in visit["loads"]}
    return {_point(p): b["children_per_cpu_s"] for p in case.raw["throughput"]
            for b in p.get("blocks", ()) if b["index"] == visit["index"]}


def _point(load: dict[str, Any]) -> str:
    return f"children/CPU·s, {load['cpus']} CPU, {load['in_flight']} in flight"


def _found(case: Case, old: dict[str, Any], new: dict[str, Any]
           ) -> Iterator[tuple[str, str, str]]:
    """What both visits tell, in words; a visit that failed tells nothing."""
    first, second = _medians(case, old), _medians(case, new)
    name = next((m for m in SHOWN if first.get(m) is not None or second.get(m) is not None), None)
    if name:
        yield name, units.time(first.get(name)), units.time(second.get(name))
    before, after = _rates(case, old), _rates(case, new)
    for point in dict.fromkeys((*before, *after)):
        yield point, units.number(before.get(point)), units.number(after.get(point))


def again(run: Run) -> list[Again]:
    """Every visit that was made again, in the order of the run; both sides of a run of pairs."""
    made: list[tuple[int, Again]] = []
    for case in run.cases:
        follows = {v["rerun_of"]: v for v in (*case.raw["blocks"], *case.raw.get("superseded", ()))
                   if v.get("rerun_of") is not None}
        for old in case.raw.get("superseded", ()):
            new = follows.get(old["order"], {})
            rows = list(_found(case, old, new)) if new else []
            for what, first, second in rows or [(units.NOTHING,) * 3]:
                made.append((old["order"], Again(
                    case.name, old["index"], old["noisy"] or TWIN, what, first, second,
                    bool(new) and not new.get("superseded"))))
    return [row for _, row in sorted(made, key=lambda m: m[0])]
