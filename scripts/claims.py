# SPDX-License-Identifier: MIT
"""The figures that a run promises to reach, computed from that very run.

Each claim is judged by its point value, except where it names a bound of the interval. A run that
lacks what a claim needs says "not measured", and which case would have been needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import units
from derive import floor_metric, over_floor
from runfile import Case, Metric, Run
from stats import Estimate, difference, estimate, ratio

MET, NOT_MET, NOT_MEASURED = "met", "not met", "not measured"
NS_PER = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}


@dataclass(frozen=True)
class Claim:
    """One promise and what became of it."""

    text: str
    bound: str
    shown: str  # value with unit, interval and n
    verdict: str
    needs: str  # what would have to be measured


def claims(run: Run) -> list[Claim]:
    """All promises, in the order of the table below."""
    return [make(run) for make in CLAIMS]


def _case(run: Run, strategy: str, payload: str, pin: str | None = None) -> Case | None:
    """The plain startup case: default target, no swept parameter but those that are asked for."""
    found = [c for c in run.of_kind("latency") if c.scenario == "startup"
             and (c.strategy, c.payload) == (strategy, payload)
             and c.target in (None, "dynamic") and pin in (None, c.pin)]
    return min(found, key=lambda c: len(c.params), default=None)


def _metric(run: Run, strategy: str, payload: str, name: str) -> Metric | None:
    case = _case(run, strategy, payload)
    return case.metric(name) if case else None


def _claim(text: str, bound: str, shown: str | None, met: bool, needs: str) -> Claim:
    if shown is None:
        return Claim(text, bound, units.NOTHING, NOT_MEASURED, needs)
    return Claim(text, bound, shown, MET if met else NOT_MET, needs)


def _pairs(est: Estimate, what: str = "blocks") -> str:
    return f"(n={est.n} {what})"


def _ready_ratio(run: Run, top: str) -> Estimate | None:
    a = _metric(run, top, "python", "ready")
    b = _metric(run, "zygote", "python", "ready")
    return ratio(a.blocks, b.blocks) if a and b else None


def popen_over_zygote(run: Run) -> Claim:
    est = _ready_ratio(run, "popen")
    return _claim("python ready: popen ÷ zygote", "≥ 150 ×",
                  est and f"{units.times(est)} {_pairs(est)}", bool(est and est.value >= 150),
                  "startup: popen and zygote, payload python")


def forkserver_over_zygote(run: Run) -> Claim:
    est = _ready_ratio(run, "forkserver")
    known = est and est.ci
    return _claim("python ready: forkserver ÷ zygote", "upper ≥ 1.0 ×",
                  f"{units.times(est)} {_pairs(est)}" if est and known else None,
                  bool(est and est.high >= 1.0),
                  "startup: forkserver and zygote, payload python, 6 blocks")


def none_over_floor(run: Run) -> Claim:
    case = _case(run, "zygote", "none", "same")
    entered, floor = (case.metric("entered"), floor_metric(run, case)) if case else (None, None)
    est = difference(entered.blocks, floor.blocks) if entered and floor else None
    return _claim("none zygote entered − floor, same CPU", "≤ 45 µs",
                  est and f"{units.time(est.value, est.ci)} {_pairs(est)}",
                  bool(est and est.value <= 45e3),
                  "startup: zygote, payload none, pin same, floor yes")


def python_over_floor(run: Run) -> Claim:
    case = _case(run, "zygote", "python", "same")
    est = over_floor(run, case) if case else None
    return _claim("python zygote entered ÷ floor, same CPU", "≤ 1.15 ×",
                  est and f"{units.times(est)} {_pairs(est)}", bool(est and est.value <= 1.15),
                  "startup: zygote, payload python, pin same, floor yes")


def _micro_times(run: Run, prefix: str) -> list[float]:
    """Repetitions of a google-benchmark case in ns; its aggregates and failures do not count."""
    rows: list[dict[str, Any]] = (run.raw["attached"].get("micro") or {}).get("benchmarks", [])
    return [r["real_time"] * NS_PER.get(r.get("time_unit", "ns"), 1.0) for r in rows
            if r.get("run_type", "iteration") == "iteration" and not r.get("error_occurred")
            and (r["name"] == prefix or r["name"].startswith(prefix + "/"))]


def meter_agreement(run: Run) -> Claim:
    host, gbench = _micro_times(run, "meter/raw/host"), _micro_times(run, "meter/raw/gbench")
    est = ratio(dict(enumerate(host)), dict(enumerate(gbench)))
    off = abs(est.value - 1) * 100 if est else 0.0
    return _claim("meter: host against google-benchmark", "≤ 5 % apart",
                  est and f"{units.digits(off)} % ({units.times(est)}, n={est.n})",
                  off <= 5, "build/micro attached: meter/raw/host and meter/raw/gbench")


def noop_sample(run: Run) -> Claim:
    case = _case(run, "noop", "none")
    m = (case.metric("reaped") or case.metric("created")) if case else None
    micro = estimate(_micro_times(run, "meter/noop/sample"))
    shown = m and f"{units.time(m.p50, m.ci)} (n={m.n} in {m.nblocks} blocks)"
    if m is None and micro:
        shown = f"{units.time(micro.value, micro.ci)} (n={micro.n} repetitions of build/micro)"
    value = m.p50 if m else micro.value if micro else None
    return _claim("meter: one sample of a no-op strategy", "≤ 1 µs", shown,
                  value is not None and value <= 1e3,
                  "startup: strategy noop, payload none; or build/micro: meter/noop/sample")


def clock_read(run: Run) -> Claim:
    row = next((c for c in run.mark["calibration"] if c["name"] == "clock_read_ns"), None)
    value = row["p50"] if row else None
    ci = (row["lo"], row["hi"]) if row and row["lo"] is not None else None
    return _claim("meter: taking one instant", "≤ 100 ns",
                  f"{units.time(value, ci)} (n={row['n']})" if row and value is not None else None,
                  bool(value is not None and value <= 100), "calibration clock_read_ns")


def _plain_import(run: Run) -> Estimate | None:
    """Hyperfine's runs of the interpreter that only imports, in ns."""
    results = (run.raw["attached"].get("e2e") or {}).get("results", [])
    for row in results:
        if row.get("command") == "python import":  # the name that bench/e2e gives it
            return estimate([t * 1e9 for t in row.get("times") or [row["median"]]])
    return None


def end_to_end(run: Run) -> Claim:
    whole, m = _plain_import(run), _metric(run, "popen", "python", "reaped")
    off = abs(m.p50 / whole.value - 1) * 100 if whole and m else None
    shown = None
    if whole and m and off is not None:
        shown = (f"{units.digits(off)} % ({units.time(m.p50, m.ci)} n={m.n}, "
                 f"{units.time(whole.value, whole.ci)} n={whole.n})")
    return _claim("python popen against hyperfine", "≤ 15 % apart", shown,
                  off is not None and off <= 15,
                  "hyperfine of the plain import attached; startup: popen, payload python")


CLAIMS = (popen_over_zygote, forkserver_over_zygote, none_over_floor, python_over_floor,
          meter_agreement, noop_sample, clock_read, end_to_end)
