# SPDX-License-Identifier: MIT
"""Claims about one number of a run, a row each: what it is, its bound, and where it comes from.

A number that is only told beside another has no bound: its verdict is "recorded".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sandboxes
import units
from derive import memory_rows, over_floor
from runfile import Case, Metric, Run
from stats import Estimate, difference, paired, ratio
from verdict import (INFINITE, MET, NOT_MET, OPEN, RECORDED, Claim, Found, claim, in_time, in_times,
                     judge)

MILLION = 1_000_000
US, MS = 1e3, 1e6


@dataclass(frozen=True)
class Figure:
    """find: the number in a run, None where it was not measured. Its bound: low..high."""

    text: str
    bound: str
    needs: str
    find: Callable[[Run], Estimate | Found | None]
    high: float = INFINITE
    low: float = -INFINITE
    show: Callable[[Estimate, str], Found] = in_time

    def judged(self, run: Run) -> Claim:
        found = self.find(run)
        if isinstance(found, Estimate):
            free = self.low == -INFINITE and self.high == INFINITE
            found = self.show(found, RECORDED if free else judge(found, self.low, self.high))
        return claim(self.text, self.bound, self.needs, found)


# ---- startup ----

def _startup(run: Run, strategy: str, sandbox: str = "none", **params: str) -> Case | None:
    """The plain python case of a strategy; of several, the one with the fewest parameters."""
    return _of(run, "startup", strategy, sandbox, params)


def _small(run: Run, strategy: str) -> Case | None:
    return _of(run, "small", strategy, "none", {})


def _of(run: Run, scenario: str, strategy: str, sandbox: str,
        params: dict[str, str]) -> Case | None:
    found = [c for c in run.of_kind("latency") if c.scenario == scenario
             and (c.strategy, c.payload, c.sandbox) == (strategy, "python", sandbox)
             and params.items() <= c.params.items()]
    return min(found, key=lambda c: len(c.params), default=None)


def _metric(case: Case | None, name: str) -> Metric | None:
    return case.metric(name) if case else None


def _cold(run: Run) -> Case | None:
    return _startup(run, "pool", warm="no") or _startup(run, "pool", warm="default")


def _warm(run: Run) -> Case | None:
    return _startup(run, "pool", warm="yes")


def _span(pick: Callable[[Run], Case | None], name: str) -> Callable[[Run], Estimate | None]:
    def find(run: Run) -> Estimate | None:
        m = _metric(pick(run), name)
        return m and Estimate(m.p50, m.ci, m.nblocks)
    return find


def _over(top: Metric | None, bottom: Metric | None) -> Estimate | None:
    return ratio(top.blocks, bottom.blocks) if top and bottom else None


def _warm_over_recycle(run: Run) -> Estimate | None:
    """What the hand-over costs beyond one and a half times the work itself."""
    pool, same = _metric(_warm(run), "worked"), _metric(_startup(run, "recycle"), "worked")
    return paired(pool.blocks, same.blocks, lambda a, b: a - 1.5 * b) if pool and same else None


def _faults(case: Case | None) -> Found | None:
    """Of all samples; those of a child made ahead count from its hand-over."""
    f = case.raw.get("faults") if case else None
    if not f:
        return None
    return Found(f"{f['p50']} (median), {f['max']} (most)", MET if f["none"] == f["n"] else NOT_MET,
                 f"none in {f['none']} of {f['n']}", str(f["n"]))


# ---- memory ----

def _idle(run: Run, warm: tuple[str, ...]) -> Found | None:
    rows = [m for c, m in memory_rows(run, "python") if c.strategy == "pool"
            and c.params.get("warm") in warm and m["at"] == "idle" and m["pss_bytes"] is not None]
    if not rows:
        return None
    return Found(units.size(rows[0]["pss_bytes"]), RECORDED, "", f"{rows[0]['alive']} idle")


# ---- throughput ----

def _points(run: Run, strategy: str) -> list[dict[str, Any]]:
    """On one pinned CPU, of the bare payload."""
    return [p for c in run.of_kind("throughput")
            if (c.strategy, c.payload, c.sandbox) == (strategy, "none", "none")
            for p in c.raw["throughput"] if p["cpus"] == 1 and p["children_per_cpu_s"]]


def _rates(point: dict[str, Any]) -> dict[int, float | None]:
    return {b["index"]: b["children_per_cpu_s"] for b in point.get("blocks", [])}


def _over_raw(run: Run, best: bool) -> Estimate | None:
    """zygote3's children per CPU-second ÷ the raw clone's at depth 1, by block."""
    raw = [p for p in _points(run, "raw") if p["in_flight"] == 1]
    mine = [p for p in _points(run, "zygote3") if best or p["in_flight"] == 1]
    if not raw or not mine:
        return None
    top = max(mine, key=lambda p: p["children_per_cpu_s"])
    return ratio(_rates(top), _rates(raw[0]))


# ---- sandbox ----

def _full(run: Run, strategy: str, added: bool) -> Estimate | None:
    """ready under `full`, or what it adds to that without: of startup, else of python in sandbox."""
    full = _startup(run, strategy, "full")
    if full is not None:
        ready, plain = full.metric("ready"), _metric(_startup(run, strategy), "ready")
        price = difference(ready.blocks, plain.blocks) if ready and plain else None
    else:
        tables = sorted(sandboxes.tables(run), key=lambda t: "python" not in t.label)
        found = next((p for t in tables if (p := t.at("full", strategy))), None)
        ready, price = (found.ready, found.added) if found else (None, None)
    return price if added else ready and Estimate(ready.p50, ready.ci, ready.nblocks)


# ---- soak ----

def _soak(run: Run, strategy: str) -> Found | None:
    """A million spawns of one server: nothing lost, nothing left, nothing grown."""
    case = next((c for c in run.of_kind("latency") if c.raw.get("soak")
                 and (c.strategy, c.payload) == (strategy, "none")), None)
    if case is None:
        return None
    looks = case.raw["soak"]
    spawns, lost = looks[-1]["spawns"], sum(b["failed"] for b in case.raw["blocks"])
    grown = [b - a for look in ("server_rss_bytes", "parent_rss_bytes")
             if (a := looks[0][look]) is not None and (b := looks[-1][look]) is not None]
    more = units.size(max(grown, default=None))
    said = f"{lost} lost, {looks[-1]['zombies']} zombies, RSS + {more}"
    good = case.raw.get("soak_flat") is True and not lost
    verdict = NOT_MET if not good else MET if spawns >= MILLION else OPEN
    return Found(said, verdict, "", f"{spawns} spawns")


POOL_PYTHON = "startup: pool, payload python, warm = no, yes"
FIGURES = (
    Figure("python ready: pool", "≤ 25 µs", POOL_PYTHON, _span(_cold, "ready"), 25 * US),
    Figure("python ready: warm pool", "≤ 25 µs", POOL_PYTHON, _span(_warm, "ready"), 25 * US),
    Figure("python worked: warm pool − 1.5 × recycle", "≤ 25 µs", f"{POOL_PYTHON}; recycle",
           _warm_over_recycle, 25 * US),
    Figure("python worked: warm pool, page faults since hand-out", "none", POOL_PYTHON,
           lambda r: _faults(_warm(r))),
    Figure("python worked, a sum: warm pool, page faults since hand-out", "none",
           "small: pool", lambda r: _faults(_small(r, "pool"))),
    Figure("python worked: zygote ÷ warm pool", "≥ 8 ×", f"{POOL_PYTHON}; zygote",
           lambda r: _over(_metric(_startup(r, "zygote"), "worked"), _metric(_warm(r), "worked")),
           low=8, show=in_times),
    Figure("python worked, a sum: popen ÷ warm pool", "≥ 1000 ×", "small: popen, pool",
           lambda r: _over(_metric(_small(r, "popen"), "worked"),
                           _metric(_small(r, "pool"), "worked")), low=1000, show=in_times),
    Figure("the same with the larger work", "–", f"{POOL_PYTHON}; popen",
           lambda r: _over(_metric(_startup(r, "popen"), "worked"), _metric(_warm(r), "worked")),
           show=in_times),
    Figure("price of it: PSS of an idle warm child", "–", "memory: pool, payload python, warm = yes",
           lambda r: _idle(r, ("yes",))),
    Figure("the same of an idle cold child", "–", "memory: pool, payload python, warm = no",
           lambda r: _idle(r, ("no", "default"))),
    Figure("python ready: zygote3 ÷ zygote", "≤ 1.05 ×",
           "startup: zygote3 and zygote, payload python",
           lambda r: _over(_metric(_startup(r, "zygote3"), "ready"),
                           _metric(_startup(r, "zygote"), "ready")), 1.05, show=in_times),
    Figure("python entered: zygote3 ÷ floor", "≤ 1.10 ×",
           "startup: zygote3, payload python, floor yes",
           lambda r: over_floor(r, c) if (c := _startup(r, "zygote3")) else None, 1.10,
           show=in_times),
    Figure("none children/CPU·s: zygote3 ÷ raw, 1 in flight", "≥ 0.6 ×",
           "throughput: zygote3 and raw, payload none, cpus 1, in_flight 1",
           lambda r: _over_raw(r, False), low=0.6, show=in_times),
    Figure("the same: zygote3 at its best depth ÷ raw", "–",
           "throughput: zygote3 and raw, payload none, cpus 1",
           lambda r: _over_raw(r, True), show=in_times),
    Figure("sandbox full: zygote3 ready − none", "≤ 0.8 ms",
           "startup: zygote3, payload python, sandbox full",
           lambda r: _full(r, "zygote3", True), 0.8 * MS),
    Figure("sandbox full: pool ready", "≤ 50 µs", "startup: pool, payload python, sandbox full",
           lambda r: _full(r, "pool", False), 50 * US),
    Figure("soak: zygote3", "10⁶ spawns, flat", "soak: zygote3, 1 000 000 samples",
           lambda r: _soak(r, "zygote3")),
    Figure("soak: pool", "10⁶ spawns, flat", "soak: pool, 1 000 000 samples",
           lambda r: _soak(r, "pool")),
)


def figures(run: Run) -> list[Claim]:
    return [figure.judged(run) for figure in FIGURES]


def markdown(made: list[Claim]) -> str:
    """All of a run's claims as one table."""
    rows = ["| figure | bound | measured | interval | n | holds |", "|---|---|---:|---:|---:|---|"]
    rows += [f"| {c.text} | {c.bound} | {c.value} | {c.interval} | {c.n} | {c.holds} |"
             for c in made]
    return "\n".join(rows) + "\n"
