# SPDX-License-Identifier: MIT
"""What a selfcheck measures: the mini-run, and what its file says of each comparison.

A comparison is a pair of sides of one case, visited by turns, with fresh servers in every block. A
mini-run holds several of them at a time, as a run of the suite does; each is its own processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import verdicts
from loaded import held, noise
from stats import Blocks

#: What may be compared, and what is: the words of a verdict are about this one.
METRICS = ("created", "entered", "ready", "worked", "reaped")
PRIMARY = "ready"
MARGIN = verdicts.MARGIN
SIZES = (0.02, 0.05, 0.10)
#: Planted where a child is as fast as it gets (a microsecond counts), and where memory decides.
PLANTED = "zygote3"
PAYLOADS = {"none": "", "heap": "heap_mb = 8\n"}
#: Whose machine is compared with itself.
ITSELF = {"none": f"popen, {PLANTED}", "heap": f"zygote, {PLANTED}"}


@dataclass(frozen=True)
class Mini:
    """One mini-run's plan. none and heap: that of the section [none] of startup.ini."""

    blocks: int = 48
    samples: int = 10
    warmup: int = 2


#: A server with an interpreter takes 200 ms to start: fewer blocks, which is what a user has, too.
PYTHON = Mini(blocks=12, samples=5, warmup=1)
#: ns to plant, by payload and size.
Delays = Mapping[str, Mapping[float, int]]


def _head(mini: Mini) -> str:
    return (f"[global]\nkind = latency\nblocks = {mini.blocks}\nsamples = {mini.samples}\n"
            f"warmup = {mini.warmup}\n")


def _section(name: str, strategy: str, payload: str, more: str = "") -> str:
    return f"[{name}]\nstrategy = {strategy}\npayload = {payload}\n{PAYLOADS.get(payload, '')}{more}"


def scenario(mini: Mini, delays: Delays, strategies: Mapping[str, str]) -> str:
    """Each payload as it is, under these strategies, and once for each of its delays, if any."""
    parts = [_head(mini)]
    for payload in PAYLOADS:
        parts.append(_section(payload, strategies[payload], payload))
        for size, ns in delays.get(payload, {}).items():
            parts.append(_section(f"{payload}-{size * 100:g}", PLANTED, payload,
                                  f"delay = {ns}ns\n"))
    return "\n".join(parts)


def scenarios(mini: Mini, delays: Delays) -> list[str]:
    """The main mini-runs, by turns: one payload's delays in each, so that none takes long."""
    return [scenario(mini, {payload: delays[payload]}, ITSELF) for payload in PAYLOADS]


def scenario_planted_alone(mini: Mini, delays: Delays) -> str:
    """One strategy: for the pilot, without delays, and for what is slow, under load."""
    return scenario(mini, delays, dict.fromkeys(PAYLOADS, PLANTED))


def scenario_python(mini: Mini) -> str:
    return _head(mini) + "\n" + _section("python", PLANTED, "python",
                                         "imports = numpy\nwork = numpy.arange(1000.0).sum()\n")


def delays(base: Mapping[str, float]) -> dict[str, dict[float, int]]:
    """From the pilot's p50 in ns, by payload."""
    return {p: {size: max(1, round(size * ns)) for size in SIZES} for p, ns in base.items()}


@dataclass(frozen=True)
class Trial:
    """One comparison: what is true, and what was said."""

    run: int
    case: str
    payload: str
    strategy: str
    metric: str
    size: float  # planted, as a share of the pilot's p50; 0: nothing
    delay_ns: int
    truth: float  # the ratio that is there
    verdict: verdicts.Verdict

    @property
    def covers(self) -> bool | None:
        """None: it has no interval."""
        low, high = self.verdict.low, self.verdict.high
        return None if low is None or high is None else low <= self.truth <= high


def _ns(text: str) -> int:
    """As the driver prints it: '0', '7500ns', '6us'."""
    for unit, scale in (("ns", 1), ("us", 1000)):
        if text.endswith(unit):
            return int(text[:-2]) * scale
    return int(text)


def blocks(case: Mapping[str, Any], metric: str) -> Blocks:
    """Block medians by the run's block index."""
    found = case["metrics"].get(metric)
    return dict(zip((b["index"] for b in case["blocks"]), found["blocks"])) if found else {}


def sides(raw: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(base, new) of every pair of a run."""
    named = {c["name"]: c for c in raw["cases"]}
    for name, case in named.items():
        if case.get("side") == "new":
            yield named[f"{name}@base"], case


def levels(raw: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, float]]:
    """p50 of `ready` of what carries no delay: by strategy and payload, then by base case."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for base, _ in sides(raw):
        values = [v for v in blocks(base, PRIMARY).values() if v]
        if values:
            found.setdefault((base["strategy"], base["payload"]), {})[base["name"]] = median(values)
    return found


def trials(raw: Mapping[str, Any], run: int, planned: Delays) -> list[Trial]:
    """All comparisons of a mini-run. Planted ones are about `ready` alone.

    The truth is 1 + delay ÷ p50, the p50 of the other base cases of the same mini-run: they tell
    how fast the machine was at the time, and are not what the verdict was made from.
    """
    made, level, cpus = [], levels(raw), raw["context"]["num_cpus"]
    for base, new in sides(raw):
        payload, strategy = new["payload"], new["strategy"]
        ns = _ns(str(new["params"].get("delay", "0")))
        size = next((s for s, d in planned.get(payload, {}).items() if d == ns), 0.0)
        known = level.get((strategy, payload), {})
        others = [v for name, v in known.items() if name != base["name"]] or list(known.values())
        truth = 1 + ns / median(others) if others else 1.0
        disturbed = noise(base, new, (cpus, cpus), True)
        for metric in METRICS if ns == 0 else (PRIMARY,):
            verdict = held(verdicts.compare_blocks(blocks(base, metric), blocks(new, metric),
                                                   paired=True, margin=MARGIN), disturbed)
            if verdict.ratio is not None:
                made.append(Trial(run, new["name"], payload, strategy, metric, size, ns, truth,
                                  verdict))
    return made


def between(before: Mapping[str, Any], after: Mapping[str, Any], run: int) -> list[Trial]:
    """A machine with itself in two runs: new sides of one against base sides of the next.

    Without pairs, as two files are compared: how much a machine differs from itself a little later.
    """
    made = []
    cpus = before["context"]["num_cpus"], after["context"]["num_cpus"]
    later = {base["name"]: base for base, _ in sides(after)}
    for _, new in sides(before):
        base = later.get(f"{new['name']}@base")
        if base is None or new["params"].get("delay"):
            continue
        disturbed = noise(base, new, (cpus[1], cpus[0]), False)
        for metric in METRICS:
            verdict = held(verdicts.compare_blocks(blocks(base, metric), blocks(new, metric),
                                                   paired=False, margin=MARGIN), disturbed)
            if verdict.ratio is not None:
                made.append(Trial(run, new["name"], new["payload"], new["strategy"], metric, 0.0,
                                  0, 1.0, verdict))
    return made
