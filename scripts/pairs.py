# SPDX-License-Identifier: MIT
"""A run of pairs (`spawnmark run --baseline`): every case of the new side against its base."""

from __future__ import annotations

from dataclasses import dataclass

from loaded import held, noise
from margins import margins
from runfile import METRICS, Run
from several import estimate_of
from stats import Estimate
from verdicts import Verdict, compare_blocks

SUFFIX = "@base"
SHOWN = tuple(m for m in METRICS if m != "created")


@dataclass(frozen=True)
class Pair:
    """One metric of one case, both sides measured in turns."""

    case: str
    metric: str
    base: float
    new: float
    verdict: Verdict

    @property
    def ratio(self) -> Estimate | None:
        return estimate_of(self.verdict)


def pairs(run: Run) -> list[Pair]:
    """None in an ordinary run."""
    bound = margins([run], None)
    found = []
    for case in run.cases:
        base = run.by_name.get(case.name + SUFFIX)
        if base is None or case.side == "base":
            continue
        disturbed = noise(base.raw, case.raw, (run.cpus, run.cpus), True)
        for name in SHOWN:
            old, new = base.metric(name), case.metric(name)
            if old and new:
                found.append(Pair(case.name, name, old.p50, new.p50, held(compare_blocks(
                    old.blocks, new.blocks, paired=True, margin=bound.of(name)), disturbed)))
    return found


def base(run: Run) -> str:
    """What the base side is: its command and version."""
    told = run.mark["plan"].get("baseline")
    if not isinstance(told, dict):
        return "the same build"
    return ", ".join(str(v) for v in told.values() if v) or "the same build"


def margin(run: Run) -> str:
    return margins([run], None).source
