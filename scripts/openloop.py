# SPDX-License-Identifier: MIT
"""Open loops: what a CPU can be asked for, and latency from the intended start under a schedule."""

from __future__ import annotations

from typing import Any

import units
from runfile import Case, Run

CAPACITY_HEADS = ("strategy", "payload", "children/s per CPU", "p50 there", "p99 there",
                  "lag p99", "CPU/child", "rates tried")
OPEN_HEADS = ("case", "rate/s", "arrivals", "n", "ready p50 [95 %]", "p99", "lag p99", "CPU/child",
              "missed")
SIGNS = {"about": "", "at least": "≥ ", "at most": "≤ "}


def capacities(run: Run) -> list[Case]:
    """Cases of the kind that have an answer, or at least a point."""
    return [c for c in run.of_kind("capacity") if c.raw.get("capacity", {}).get("points")]


def opens(run: Run) -> list[Case]:
    return [c for c in run.of_kind("open") if c.raw.get("open")]


def answer(capacity: dict[str, Any]) -> str:
    """'2470 [1130, 2930]', '≥ 1600', '≤ 30', 'none'; a dash: too few arrivals to say."""
    relation, (low, high) = capacity["relation"], capacity["interval"]
    if relation is None:
        return units.NOTHING
    if relation == "none":
        return "none"
    text = SIGNS[relation] + units.number(capacity["rate_per_cpu"])
    return text if relation != "about" else f"{text} [{units.digits(low)}, {units.digits(high)}]"


def best(capacity: dict[str, Any]) -> dict[str, Any] | None:
    """Of the highest rate, no higher than the answer, that held in most tries and in all together."""
    held = [p for p in capacity["points"] if 2 * p["held"] > p["tries"]
            and p["rate"] <= (capacity["rate_per_cpu"] or 0)
            and (p["p99"] or 0) <= capacity["bound_ns"]]
    return held[-1] if held else None


def capacity_cells(case: Case) -> tuple[str, ...]:
    capacity = case.raw["capacity"]
    point = best(capacity)
    spent = point or capacity["points"][0]
    times = [units.time(point[k] if point else None) for k in ("p50", "p99", "lag_p99")]
    return (case.variant, case.label, answer(capacity), *times,
            units.time(spent["cpu_per_child_ns"]), str(len(capacity["points"])))


def open_cells(case: Case) -> tuple[str, ...]:
    told, ready = case.raw["open"], case.metric("ready")
    kind = told["arrivals"] + (f" of {told['burst']}" if told["burst"] else "")
    return (case.variant, f"{told['rate']:g}", kind, str(told["n"]),
            units.time(ready.p50, ready.ci) if ready else units.NOTHING, units.time(told["p99"]),
            units.time(told["lag_p99"]), units.time(told["cpu_per_child_ns"]), str(told["missed"]))


def capacity_rows(run: Run) -> list[tuple[str, ...]]:
    return [capacity_cells(c) for c in capacities(run)]


def open_rows(run: Run) -> list[tuple[str, ...]]:
    return [open_cells(c) for c in opens(run)]


def bounds(run: Run) -> str:
    """'ready p99 ≤ 10.0 ms', of every bound in the run."""
    found = {c.raw["capacity"]["bound_ns"] for c in capacities(run)}
    return "ready p99 ≤ " + " or ".join(units.time(b) for b in sorted(found))


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    lines = [heads, *rows]
    width = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return ["  ".join([line[0].ljust(width[0]), *(c.rjust(w) for c, w in
                                                  zip(line[1:], width[1:]))]).rstrip()
            for line in lines]


def capacity_lines(run: Run) -> list[str]:
    """For the screen: without the payload's own label, which is long."""
    rows = [(c[0], case.payload[:13], *c[2:5], c[6])
            for case in capacities(run) for c in [capacity_cells(case)]]
    heads = (*CAPACITY_HEADS[:5], CAPACITY_HEADS[6])
    made = _table(heads, rows)
    return [*made, f"the highest rate with {bounds(run)} from the intended start"] if made else []


def open_lines(run: Run) -> list[str]:
    """For the screen: the variant names the arrivals where there are several."""
    rows = [(row[0][:28], *row[1:2], *row[3:]) for row in open_rows(run)]
    return _table((*OPEN_HEADS[:2], *OPEN_HEADS[3:]), rows)


def sentence(run: Run) -> str | None:
    """Who carries most, by payload; negative controls and meters do not count."""
    said = []
    for label in dict.fromkeys(c.label for c in capacities(run)):
        found = [(c.raw["capacity"]["rate_per_cpu"], c) for c in capacities(run)
                 if c.label == label and not (c.is_control or c.is_meter)
                 and c.raw["capacity"]["relation"] in ("about", "at least")]
        if found:
            case = max(found, key=lambda f: f[0])[1]
            said.append(f"{case.variant} {answer(case.raw['capacity'])} ({label})")
    return f"Children per second and CPU with {bounds(run)}: {', '.join(said)}." if said else None


def markdown(run: Run) -> str:
    """Both tables for summary.md; empty when the run has neither."""
    parts = []
    if capacities(run):
        parts.append((f"The highest rate of one CPU with {bounds(run)}, median of the blocks' "
                      "searches [least that held, most that failed]:",
                      CAPACITY_HEADS, capacity_rows(run)))
    if opens(run):
        parts.append(("Latency from the intended start:", OPEN_HEADS, open_rows(run)))
    text = ""
    for title, heads, rows in parts:
        table = [heads, ("---",) * len(heads), *rows]
        text += f"\n{title}\n\n" + "\n".join("| " + " | ".join(r) + " |" for r in table) + "\n"
    return text
