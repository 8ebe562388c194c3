# SPDX-License-Identifier: MIT
"""What a run says, drawn from its cases: rows of the headline tables and who wins.

Choices are made once, here, and named in the output:
  × popen     popen's block median of `ready` ÷ this strategy's in the same block, median of these
  × floor     `entered` ÷ `entered` of a raw clone of the same image, in the same block
  children per CPU-second   the throughput scenario's best point on one CPU, else 1 ÷ CPU per child
  idle        PSS per child made ahead, while it waits
  PSS         per child after its work, at the most children alive that all strategies reached
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from runfile import Case, Metric, Run
from stats import Estimate, ratio

HEADLINE_SCENARIOS = ("startup", "try")
#: Of a scenario that sweeps as well, the section that does not.
HEADLINE_SECTIONS = (("kernels", "none"),)
#: Scenarios whose cases are points of a curve or a table of their own.
SWEEPS = ("scale", "sandbox", "accel", "model")
PREFERRED_ATTACKER = "same"
PLAIN_TARGETS = (None, "dynamic")
#: So many of the parent's 24 secrets fork must be seen to hand on, or the search itself failed:
#: all but the four on pages that a clone does not copy, and one to spare.
CONTROL = 19


@dataclass(frozen=True)
class Rate:
    """Children per CPU-second."""

    value: float
    ci: tuple[float, float] | None
    measured: bool  # False: inferred from latency blocks
    source: str


@dataclass(frozen=True)
class Row:
    """One strategy in a headline table."""

    case: Case
    ready: Metric | None
    worked: Metric | None
    vs_popen: Estimate | None  # of ready
    worked_vs_popen: Estimate | None
    vs_floor: Estimate | None
    rate: Rate | None
    pss: float | None
    idle: float | None  # of a child made ahead, while it waits
    inherited: tuple[int, int] | None  # of the parent's secrets
    others: tuple[int, int] | None  # of other children's
    reachable: tuple[int, int] | None

    @property
    def unsafe(self) -> bool:
        return self.case.is_control or bool(self.inherited and self.inherited[0])


@dataclass(frozen=True)
class Group:
    """Strategies that start the same payload in the same scenario section."""

    run: Run
    scenario: str
    section: str
    payload: str
    label: str
    cases: tuple[Case, ...]

    @property
    def title(self) -> str:
        """'startup · none', 'startup · none, targets'."""
        told = self.section in (self.payload, self.scenario) or self.section in self.label
        return f"{self.scenario} · {self.label}{'' if told else ', ' + self.section}"

    @cached_property
    def rows(self) -> list[Row]:
        return [_row(self, case) for case in self.cases]

    @cached_property
    def alive(self) -> int | None:
        return common_alive(self.run, self.payload)

    @property
    def floor(self) -> tuple[float, str] | None:
        """floor.entered, and whose image: the server's where there is one."""
        known = [c for c in self.cases if (c.raw["floor"] or {}).get("entered_ns")]
        known.sort(key=lambda c: (c.raw["image"] or {}).get("who") != "server")
        if not known:
            return None
        who = (known[0].raw["image"] or {}).get("who", "its")
        return known[0].raw["floor"]["entered_ns"], who

    def samples(self) -> str:
        """'n=60 in 12 blocks'; ranges where strategies differ."""
        metrics = [m for c in self.cases if (m := c.metric("ready"))]
        blocks = _span(m.nblocks for m in metrics)
        return f"n={_span(m.n for m in metrics)} in {blocks} block{'' if blocks == '1' else 's'}"


def _span(values: Iterable[int]) -> str:
    found = sorted(set(values))
    if not found:
        return "0"
    return str(found[0]) if len(found) == 1 else f"{found[0]}–{found[-1]}"


def _payload_rank(payload: str) -> tuple[int, str]:
    known = {"python": 0, "heap": 2, "none": 3}
    return known.get(payload, 1), payload


def groups(run: Run) -> list[Group]:
    """The headline tables: startup and try; a run without them: whatever latency it has."""
    cases = [c for c in run.of_kind("latency") if not c.is_meter]
    headline = [c for c in cases if c.scenario in HEADLINE_SCENARIOS
                or (c.scenario, c.section) in HEADLINE_SECTIONS]
    other = [c for c in cases if c.scenario not in SWEEPS]
    return sorted(_grouped(run, headline or other), key=lambda g: _payload_rank(g.payload))


def swept_groups(run: Run) -> list[Group]:
    """Of a scenario that has a section in the headline: its others."""
    ours = {scenario for scenario, _ in HEADLINE_SECTIONS}
    return _grouped(run, [c for c in run.of_kind("latency") if not c.is_meter
                          and c.scenario in ours
                          and (c.scenario, c.section) not in HEADLINE_SECTIONS])


def _grouped(run: Run, cases: list[Case]) -> list[Group]:
    """By scenario, section and payload."""
    found: dict[tuple[str, str, str], list[Case]] = {}
    for case in cases:
        found.setdefault((case.scenario, case.section, case.payload), []).append(case)
    return [Group(run, *key, cs[0].label, tuple(cs)) for key, cs in found.items()]


def peer_of(group: Group, case: Case, strategy: str = "popen") -> Case | None:
    """The case of a strategy that case is compared with: same parameters if there is such a one."""
    peers = [c for c in group.cases if c.strategy == strategy]

    def distance(other: Case) -> tuple[int, bool]:
        keys = (case.params.keys() | other.params.keys()) - {"strategy", "target"}
        differing = sum(case.params.get(k) != other.params.get(k) for k in keys)
        return differing, other.target not in PLAIN_TARGETS

    return min(peers, key=distance, default=None)


def _gain(popen: Case | None, case: Case, name: str) -> Estimate | None:
    """popen's metric ÷ this case's, by block."""
    slow, fast = popen.metric(name) if popen else None, case.metric(name)
    return ratio(slow.blocks, fast.blocks) if slow and fast else None


def _row(group: Group, case: Case) -> Row:
    run, ready = group.run, case.metric("ready")
    popen = peer_of(group, case)
    return Row(
        case=case, ready=ready, worked=case.metric("worked"),
        vs_popen=_gain(popen, case, "ready"), worked_vs_popen=_gain(popen, case, "worked"),
        vs_floor=over_floor(run, case),
        rate=rate(run, case), pss=pss(run, case, group.alive), idle=idle(run, case),
        inherited=isolation_of(run, case, "inherited"),
        others=isolation_of(run, case, "others"),
        reachable=isolation_of(run, case, "reachable"))


def floor_metric(run: Run, case: Case) -> Metric | None:
    """`entered` of the raw clone that belongs to this case."""
    floor = case.raw["floor"]
    other = run.by_name.get(floor["case"]) if floor else None
    return other.metric("entered") if other else None


def over_floor(run: Run, case: Case) -> Estimate | None:
    """entered ÷ floor.entered, by block where the floor's blocks are there."""
    entered, floor = case.metric("entered"), floor_metric(run, case)
    if entered and floor:
        return ratio(entered.blocks, floor.blocks)
    known = (case.raw["floor"] or {}).get("entered_ns")
    return Estimate(entered.p50 / known, None, entered.n) if entered and known else None


def rate(run: Run, case: Case) -> Rate | None:
    """Best point of the throughput scenario on one CPU, else what a latency child cost."""
    points = [p for c in run.of_kind("throughput") if case.same_way(c)
              for p in c.raw["throughput"] if p["cpus"] == 1 and p["children_per_cpu_s"]]
    if points:
        best = max(points, key=lambda p: p["children_per_cpu_s"])
        ci = best["children_per_cpu_s_ci"]
        return Rate(best["children_per_cpu_s"], tuple(ci) if ci else None, True,
                    f"1 CPU, {best['in_flight']} in flight, {best['accounting']}")
    cpu = case.raw["cpu"]
    if cpu and cpu["per_child_ns"]:
        return Rate(1e9 / cpu["per_child_ns"], None, False, f"one at a time, {cpu['accounting']}")
    return None


def memory_rows(run: Run, payload: str) -> list[tuple[Case, dict[str, Any]]]:
    return [(c, m) for c in run.of_kind("memory") if c.payload == payload
            for m in c.raw["memory"]]


def common_alive(run: Run, payload: str) -> int | None:
    """The most children alive at which every measured strategy has a PSS after work.

    One process for all requests is never more than one, and keeps no other from being compared.
    """
    counts: dict[str, set[int]] = {}
    for case, m in memory_rows(run, payload):
        if case.reuses:
            continue
        seen = counts.setdefault(case.variant, set())
        if m["at"] == "worked" and m["pss_bytes"] is not None:
            seen.add(m["alive"])
    measured = [seen for seen in counts.values() if seen]
    return max(set.intersection(*measured), default=None) if measured else None


def pss(run: Run, case: Case, alive: int | None) -> float | None:
    for other, m in memory_rows(run, case.payload):
        if case.same_way(other) and m["at"] == "worked" and (m["alive"] == alive or case.reuses):
            return m["pss_bytes"]
    return None


def idle(run: Run, case: Case) -> float | None:
    """PSS of a child that waits to be asked for: what being there already costs."""
    return next((m["pss_bytes"] for other, m in memory_rows(run, case.payload)
                 if case.same_way(other) and m["at"] == "idle"), None)


def attacker(run: Run, sandbox: str = "none") -> str | None:
    """Whose reach the summary shows: an unprivileged child of the same uid, if there is one."""
    found = run.attackers.get(sandbox, [])
    if PREFERRED_ATTACKER in found:
        return PREFERRED_ATTACKER
    return found[0] if found else None


def findings(run: Run, strategy: str, payload: str, kind: str, who: str | None = None,
             sandbox: str = "none") -> list[dict[str, Any]]:
    """Isolation cells of one strategy with this very payload, by the summary's attacker or who."""
    who = who or attacker(run, sandbox)
    return run.attacked.get((sandbox, who, strategy, payload, kind), [])


def is_parents(secret: str) -> bool:
    """The parent's secrets are named PLACE/WHEN; the rest belongs to other children."""
    return "/" in secret


def _reuses(run: Run, strategy: str) -> bool:
    return any("REUSES_PROCESS" in c.traits for c in run.cases if c.strategy == strategy)


def leaks(run: Run, strategy: str, payload: str, kind: str, who: str | None = None,
          sandbox: str = "none") -> tuple[int, int] | None:
    """inherited: the parent's secrets found of those looked for; others: other children's.

    reachable: attack×target that worked of those tried. What does not apply is in neither number,
    so that denominators differ: without a server nothing can be tried on it, and taint for the
    next child is a question only where a process serves more than one.
    """
    seen: dict[tuple[str, ...], bool] = {}
    of = "reachable" if kind == "reachable" else "inherited"
    for f in findings(run, strategy, payload, of, who, sandbox):
        if f["outcome"] == "n/a":
            continue
        if of == "inherited" and is_parents(f["secret"]) != (kind == "inherited"):
            continue
        if f["attack"] == "taint" and not _reuses(run, strategy):
            continue
        key = (f["secret"],) if of == "inherited" else (f["attack"], f["target"])
        seen[key] = seen.get(key, False) or f["outcome"] == "leaked"
    return (sum(seen.values()), len(seen)) if seen else None


def control_leaks(run: Run, payload: str) -> tuple[int, int] | None:
    """What fork, the positive control, was seen to hand on; None where it was not attacked."""
    return leaks(run, "fork", payload, "inherited")


def control_failed(run: Run, payload: str) -> bool:
    part = control_leaks(run, payload)
    return part is not None and part[0] < CONTROL


def isolation_of(run: Run, case: Case, kind: str) -> tuple[int, int] | None:
    """leaks() for a row of a table: None for an image that was not attacked (static, nolibc)."""
    if case.target not in PLAIN_TARGETS:
        return None
    if kind == "inherited" and control_failed(run, case.payload):
        return None
    return leaks(run, case.strategy, case.payload, kind, sandbox=case.sandbox)


def candidates(group: Group) -> list[Row]:
    """Who may win: measured, no control, nothing inherited (or nobody looked), a usual target."""
    rows = [r for r in group.rows if r.ready and not r.unsafe]
    plain = [r for r in rows if r.case.target in PLAIN_TARGETS]
    return sorted(plain or rows, key=lambda r: r.ready.p50 if r.ready else 0)


def winner(group: Group) -> Row | None:
    """The soonest by `ready`; among those that blocks cannot tell from it, by `worked`."""
    first = next(iter(candidates(group)), None)
    if first is None:
        return None
    level = [r for r, e in against(group, first, "ready") if e.low <= 1 <= e.high]
    return min([first, *level], key=lambda r: r.worked.p50 if r.worked else float("inf"))


def against(group: Group, row: Row, metric: str) -> list[tuple[Row, Estimate]]:
    """The other candidates' metric ÷ this row's, by block; none without an interval."""
    mine = row.case.metric(metric)
    found = []
    for other in candidates(group):
        theirs = other.case.metric(metric)
        if other is row or mine is None or theirs is None:
            continue
        est = ratio(theirs.blocks, mine.blocks)
        if est and est.ci:
            found.append((other, est))
    return found
