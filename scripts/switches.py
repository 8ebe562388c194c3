# SPDX-License-Identifier: MIT
"""What an option of a strategy changes: cases that differ in it alone, `yes` against `no`.

Latencies are paired by block; memory is looked at once, so that its difference has no interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import units
from runfile import OPTIONS, Case, Run
from stats import Estimate, ratio

METRICS = ("ready", "worked", "teardown")
HEADS = ("strategy", "payload", "option", "ready yes ÷ no", "worked yes ÷ no", "teardown yes ÷ no",
         "PSS worked, no → yes", "server PSS, no → yes", "n")


@dataclass(frozen=True)
class Switch:
    """One option of one strategy with one payload."""

    off: Case
    on: Case
    option: str
    memory: tuple[Case, Case] | None

    @property
    def changes(self) -> dict[str, Estimate | None]:
        pairs = {m: (self.on.metric(m), self.off.metric(m)) for m in METRICS}
        return {m: ratio(on.blocks, off.blocks) if on and off else None
                for m, (on, off) in pairs.items()}


def _same_but(case: Case, option: str) -> tuple[object, ...]:
    """All that two cases must agree in; the section is not among it: memory has its own."""
    others = tuple(sorted((k, v) for k, v in case.params.items()
                          if k not in (option, "section")))
    return (case.scenario, case.strategy, case.payload, case.label, case.target, case.sandbox,
            others)


def _pairs(cases: list[Case], option: str) -> dict[tuple[object, ...], tuple[Case, Case]]:
    """off and on of those cases that have both; of twins the first."""
    sides: dict[str, dict[tuple[object, ...], Case]] = {"no": {}, "yes": {}}
    for case in cases:
        side = sides.get(case.params.get(option, ""))
        if side is not None:
            side.setdefault(_same_but(case, option), case)
    return {k: (off, sides["yes"][k]) for k, off in sides["no"].items() if k in sides["yes"]}


def switches(run: Run) -> list[Switch]:
    """By option, then as strategies are ordered; `warm` is a row of the headline already."""
    made = []
    for option in OPTIONS:
        memory = _pairs(run.of_kind("memory"), option)
        for key, (off, on) in _pairs(run.of_kind("latency"), option).items():
            if option != "warm":
                made.append(Switch(off, on, option, memory.get(key)))
    return made


def _most(case: Case, of: str, at: str = "worked") -> float | None:
    """With the most children alive."""
    rows = [m for m in case.raw["memory"] if m["at"] == at and m[of] is not None]
    return max(rows, key=lambda m: m["alive"])[of] if rows else None


def _moved(switch: Switch, of: str) -> str:
    if switch.memory is None:
        return units.NOTHING
    off, on = (units.size(_most(case, of)) for case in switch.memory)
    return f"{off} → {on}"


def cells(switch: Switch) -> list[str]:
    ready = switch.on.metric("ready")
    return [switch.off.strategy, switch.off.label, switch.option,
            *(units.times(est) for est in switch.changes.values()),
            _moved(switch, "pss_bytes"), _moved(switch, "server_pss_bytes"),
            f"{ready.n} in {ready.nblocks}" if ready else units.NOTHING]


def lines(run: Run) -> list[str]:
    """For the screen."""
    made = switches(run)
    if not made:
        return []
    form = "{:<10}{:<9}{:<9}{:>24}{:>24}{:>24}"
    told = [form.format("strategy", "payload", "option", *(f"{m}, yes ÷ no" for m in METRICS))]
    for s in made:
        told.append(form.format(s.off.strategy, s.off.payload[:8], s.option,
                                *(units.times(est) for est in s.changes.values())))
    return told


def markdown(run: Run) -> str:
    """The whole table, for summary.md; empty where nothing was switched."""
    made = switches(run)
    if not made:
        return ""
    said = ["\n## What an acceleration changes\n", "| " + " | ".join(HEADS) + " |",
            "|---|---|---|" + "---:|" * (len(HEADS) - 3)]
    return "\n".join([*said, *("| " + " | ".join(cells(s)) + " |" for s in made)]) + "\n"
