# SPDX-License-Identifier: MIT
"""What a verdict is worth that was measured beside other work.

Blocks over a bound of noise are measured again, within limits. Where most of those that count are
over one all the same, the machine is loaded: its blocks agree with each other, but on how the load
treats the two sides, which is no property of them. Then no word is said but inconclusive, unless
the difference is larger than what the load makes by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from verdicts import FASTER, INCONCLUSIVE, SLOWER, Noise, Verdict

#: A block began in a crowd: so many tasks of others a CPU were ready to run. The driver's own bounds
#: are of clock ticks, which tell nothing of a block of a few milliseconds; a queue is seen at once.
CROWD = 1.5
#: Of the blocks of a side, or of the pairs.
MOST = 0.5
#: Who shares a CPU with one other task takes twice the time.
SHARED = 2.0


def noisy(case: Mapping[str, Any], cpus: int) -> set[int]:
    """Blocks over a bound, by index: the driver's, of steal and others' time; or a crowd."""
    return {b["index"] for b in case["blocks"] if b.get("noisy") or _crowd(b, cpus)}


def _crowd(block: Mapping[str, Any], cpus: int) -> bool:
    """The driver, which read it, is one of the tasks; None in a file of old."""
    runnable = (block.get("noise") or {}).get("runnable_tasks")
    return runnable is not None and runnable - 1 > CROWD * cpus


def _most(over: int, blocks: int) -> Noise | None:
    return Noise(over, blocks) if over > MOST * blocks else None


def noise(base: Mapping[str, Any], new: Mapping[str, Any], cpus: tuple[int, int], paired: bool
          ) -> Noise | None:
    """Of two sides of a comparison, cases as in run.json; None: most blocks were not disturbed."""
    over = [noisy(case, n) for case, n in zip((base, new), cpus)]
    if paired:  # half a pair is none
        both = {b["index"] for b in base["blocks"]} & {b["index"] for b in new["blocks"]}
        return _most(len(both & (over[0] | over[1])), len(both))
    found = [_most(len(o), len(c["blocks"])) for o, c in zip(over, (base, new))]
    return max((f for f in found if f), key=lambda f: f.over / f.blocks, default=None)


def held(verdict: Verdict, disturbed: Noise | None) -> Verdict:
    """The same, or inconclusive for the noise. With too few blocks it is so already."""
    if disturbed is None or verdict.low is None or verdict.high is None:
        return verdict
    beyond = verdict.low > SHARED or verdict.high < 1 / SHARED
    if beyond and verdict.word in (FASTER, SLOWER):
        return verdict
    return replace(verdict, word=INCONCLUSIVE, more_blocks=None, noise=disturbed)
