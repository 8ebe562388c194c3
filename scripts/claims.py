# SPDX-License-Identifier: MIT
"""The figures that a run promises to reach, computed from that very run.

A claim about a median is judged by its value, and says so when the interval lies on both sides of
the bound; one about the meter's cost is then open; one about an end of the interval is judged by
that end. Nothing is judged by fewer than 6 blocks. A run that lacks what a claim needs says "not
measured", and which case would have been needed.
"""

from __future__ import annotations

from typing import Any

import units
from derive import CONTROL, control_leaks, floor_metric, over_floor
from figures import figures
from runfile import Case, Metric, Run
from stats import Estimate, difference, estimate, ratio, ratio_of_medians
from verdict import (INFINITE, MET, NOT_MET, Claim, Found, claim, in_time, in_times, judge,
                     told)

NS_PER = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}


def claims(run: Run) -> list[Claim]:
    """All promises: those of the table below, then those about one number each. Of time alone."""
    if run.clock != units.TIME:
        return []
    return [*(make(run) for make in CLAIMS), *figures(run)]


def _case(run: Run, strategy: str, payload: str, pin: str | None = None) -> Case | None:
    """The plain startup case: default target, no swept parameter but those that are asked for."""
    found = [c for c in run.of_kind("latency") if c.scenario == "startup"
             and (c.strategy, c.payload) == (strategy, payload)
             and c.target in (None, "dynamic") and pin in (None, c.pin)]
    return min(found, key=lambda c: len(c.params), default=None)


def _metric(run: Run, strategy: str, payload: str, name: str) -> Metric | None:
    case = _case(run, strategy, payload)
    return case.metric(name) if case else None


def _ready_ratio(run: Run, top: str) -> Estimate | None:
    a = _metric(run, top, "python", "ready")
    b = _metric(run, "zygote", "python", "ready")
    return ratio(a.blocks, b.blocks) if a and b else None


def popen_over_zygote(run: Run) -> Claim:
    est = _ready_ratio(run, "popen")
    return claim("python ready: popen ÷ zygote", "≥ 150 ×",
                 "startup: popen and zygote, payload python",
                 est and in_times(est, judge(est, 150, INFINITE)))


def forkserver_over_zygote(run: Run) -> Claim:
    """About the upper end of the interval: met means that zygote was not shown to be slower."""
    est = _ready_ratio(run, "forkserver")
    upper = est and Estimate(est.high, (est.high, est.high) if est.ci else None, est.n)
    return claim("python ready: forkserver ÷ zygote", "upper ≥ 1.0 ×",
                 "startup: forkserver and zygote, payload python",
                 est and upper and in_times(est, judge(upper, 1.0, INFINITE)))


def none_over_floor(run: Run) -> Claim:
    case = _case(run, "zygote", "none", "same")
    entered, floor = (case.metric("entered"), floor_metric(run, case)) if case else (None, None)
    est = difference(entered.blocks, floor.blocks) if entered and floor else None
    return claim("none zygote entered − floor", "≤ 45 µs",
                 "startup: zygote, payload none, pin same, floor yes",
                 est and in_time(est, judge(est, -INFINITE, 45e3)))


def python_over_floor(run: Run) -> Claim:
    case = _case(run, "zygote", "python", "same")
    est = over_floor(run, case) if case else None
    return claim("python zygote entered ÷ floor", "≤ 1.15 ×",
                 "startup: zygote, payload python, pin same, floor yes",
                 est and in_times(est, judge(est, 0, 1.15)))


def _micro_times(run: Run, prefix: str) -> list[float]:
    """Repetitions of a google-benchmark case in ns; its aggregates and failures do not count."""
    rows: list[dict[str, Any]] = (run.raw["attached"].get("micro") or {}).get("benchmarks", [])
    return [r["real_time"] * NS_PER.get(r.get("time_unit", "ns"), 1.0) for r in rows
            if r.get("run_type", "iteration") == "iteration" and not r.get("error_occurred")
            and (r["name"] == prefix or r["name"].startswith(prefix + "/"))]


def _apart(est: Estimate, share: float) -> Found:
    """How far a ratio is from 1, in %, against a bound."""
    off = units.digits(abs(est.value - 1) * 100)
    return Found(f"{off} %", judge(est, 1 - share, 1 + share), f"({units.times(est)})",
                 str(est.n))


def meter_agreement(run: Run) -> Claim:
    """Repetitions in random order have no pairs: medians are compared."""
    est = ratio_of_medians(_micro_times(run, "meter/raw/host"),
                           _micro_times(run, "meter/raw/gbench"))
    return claim("meter: host vs gbench", "≤ 5 %",
                 "build/micro attached: meter/raw/host and meter/raw/gbench",
                 est and _apart(est, 0.05))


def noop_sample(run: Run) -> Claim:
    """The whole of a sample with its bookkeeping; a case's own span is only the part inside."""
    est = estimate(_micro_times(run, "meter/noop/sample"))
    what = "(micro)"
    if est is None:
        m = _metric(run, "noop", "none", "reaped") or _metric(run, "noop", "none", "created")
        est = m and Estimate(m.p50, m.ci, m.nblocks)
        what = "blocks, request → reaped"
    return claim("meter: one sample of a no-op strategy", "≤ 1 µs",
                 "build/micro: meter/noop/sample; or startup: strategy noop, payload none",
                 est and told(units.time(est.value, est.ci),
                            judge(est, 0, 1e3, on_value=False), f"{est.n} {what}"))


def clock_read(run: Run) -> Claim:
    row = next((c for c in run.mark["calibration"] if c["name"] == "clock_read_ns"), None)
    est = None
    if row and row["p50"] is not None:
        ci = None if row["lo"] is None or row["hi"] is None else (row["lo"], row["hi"])
        est = Estimate(row["p50"], ci, row["n"])
    return claim("meter: taking one instant", "≤ 100 ns", "calibration clock_read_ns",
                 est and in_time(est, judge(est, 0, 100, on_value=False)))


def _plain_import(run: Run) -> list[float]:
    """Hyperfine's runs of the interpreter that only imports, in ns."""
    results = (run.raw["attached"].get("e2e") or {}).get("results", [])
    for row in results:
        if row.get("command") == "python import":  # the name that bench/e2e gives it
            return [t * 1e9 for t in row.get("times") or [row["median"]]]
    return []


def end_to_end(run: Run) -> Claim:
    """Two programs, one after the other: no pairs."""
    m = _metric(run, "popen", "python", "reaped")
    medians = [b for b in m.blocks.values() if b is not None] if m else []
    est = ratio_of_medians(medians, _plain_import(run))
    return claim("python popen reaped vs hyperfine", "≤ 15 %",
                 "hyperfine of the plain import attached; startup: popen, payload python",
                 est and _apart(est, 0.15))


def fork_inherits(run: Run) -> Claim:
    """A search that does not find what fork hands on has not shown that others hand on less."""
    seen = [part for payload in sorted({f["payload"] for f in run.isolation})
            if (part := control_leaks(run, payload))]
    worst = min(seen, default=None)
    return claim("control: fork is seen to inherit", f"≥ {CONTROL} of 24",
                 "isolation: strategy fork",
                 worst and Found(units.share(worst), MET if worst[0] >= CONTROL else NOT_MET))


CLAIMS = (popen_over_zygote, forkserver_over_zygote, none_over_floor, python_over_floor,
          meter_agreement, noop_sample, clock_read, end_to_end, fork_inherits)
