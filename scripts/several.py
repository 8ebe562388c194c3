# SPDX-License-Identifier: MIT
"""Several runs side by side: which cases they share, and each one's ratio to the first run.

Runs of different files share no blocks: a ratio carries the variance between the runs, of which its
interval says no more than what blocks show of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import units
from answer import Answer, answer
from derive import (Group, Rate, groups, leaks, memory_rows, rate, swept_groups, winner)
from intwo import in_two
from loaded import held, noise
from margins import Margins, margins
from pivot import merged
from runfile import Case, Metric, Run, load, new_side
from stats import Estimate
from verdicts import Verdict, compare_blocks

METRICS = ("ready", "worked")


def labels(runs: list[Run]) -> list[str]:
    """Machine and kernel; where they are the same, as much of date and folder as tells apart."""
    ways: tuple[Callable[[Run], str], ...] = (
        lambda r: r.machine, lambda r: f"{r.machine}, {r.mark['started']}",
        lambda r: f"{r.machine}, {r.folder.name}",
        lambda r: f"{r.machine}, {r.folder.parent.name}/{r.folder.name}")
    for way in ways:
        found = [way(r) for r in runs]
        if len(set(found)) == len(runs):
            return found
    return [f"{i}: {name}" for i, name in enumerate(found, 1)]


def load_all(folders: list[Path]) -> list[Run]:
    """Two at a time: checking a file against the schema takes a second."""
    return in_two(lambda i: new_side(load(folders[i], rows=False)), len(folders))


def estimate_of(verdict: Verdict | None) -> Estimate | None:
    """Its ratio and interval."""
    if verdict is None or verdict.ratio is None:
        return None
    ci = None if verdict.low is None or verdict.high is None else (verdict.low, verdict.high)
    return Estimate(verdict.ratio, ci, min(verdict.n_base, verdict.n_new))


@dataclass(frozen=True)
class Line:
    """One case in every run: None where a run does not have it."""

    name: str
    cases: tuple[Case | None, ...]
    margins: Margins
    cpus: tuple[int, ...]  # of each run's machine
    counted: bool = False  # instructions: nothing disturbs them (see compared.Settings)

    @property
    def case(self) -> Case:
        """The first there is: for its names."""
        return next(c for c in self.cases if c)

    def metrics(self, name: str) -> list[Metric | None]:
        return [c.metric(name) if c else None for c in self.cases]

    def verdicts(self, name: str) -> list[Verdict | None]:
        """Against the first run; the first has none."""
        return [None, *(self._verdict(name, at) for at in range(1, len(self.cases)))]

    def _verdict(self, name: str, at: int) -> Verdict | None:
        first, case = self.cases[0], self.cases[at]
        base, new = (c.metric(name) if c else None for c in (first, case))
        if not (first and case and base and new):
            return None
        made = compare_blocks(base.blocks, new.blocks, paired=False, margin=self.margins.of(name))
        if self.counted:
            return made
        return held(made, noise(first.raw, case.raw, (self.cpus[0], self.cpus[at]), False))

    def ratios(self, name: str) -> list[Estimate | None]:
        return [estimate_of(v) for v in self.verdicts(name)]


@dataclass(frozen=True)
class Family:
    """A group of strategies that start the same payload, in all runs that have it."""

    title: str
    label: str
    payload: str
    lines: tuple[Line, ...]
    section: str = ""


class Several:
    """All runs and their labels; given: what a larger collection calls them."""

    def __init__(self, runs: list[Run], given: list[str] | None = None) -> None:
        self.runs = runs
        self.labels = given or labels(runs)
        self.margins = margins(runs, None)

    @cached_property
    def clocks(self) -> list[Several]:
        """Time and instructions have no ratio: those that count the same, side by side."""
        kinds = dict.fromkeys(r.clock for r in self.runs)
        if len(kinds) == 1:
            return [self]
        each = [[(r, n) for r, n in zip(self.runs, self.labels) if r.clock == k] for k in kinds]
        return [Several([r for r, _ in part], [n for _, n in part]) for part in each]

    @property
    def clock(self) -> str:
        """Of one of `clocks`."""
        return self.runs[0].clock

    @cached_property
    def _groups(self) -> list[list[Group]]:
        return [groups(r) for r in self.runs]

    @cached_property
    def families(self) -> list[Family]:
        """The headline's."""
        return self._families(self._groups)

    @cached_property
    def swept(self) -> list[Family]:
        """Of what sweeps beside it."""
        return self._families([swept_groups(r) for r in self.runs])

    def _families(self, found_groups: list[list[Group]]) -> list[Family]:
        """Groups by scenario, section and payload, in the order of the first run that has them."""
        each = [{(g.scenario, g.section, g.payload): g for g in gs} for gs in found_groups]
        made = []
        for key in merged(each):
            found = [e[key] for e in each if key in e]
            names = merged([c.name for c in g.cases] for g in found)
            lines = tuple(map(self.line, names))
            made.append(Family(found[0].title, found[0].label, found[0].payload, lines,
                               found[0].section))
        return made

    def line(self, name: str) -> Line:
        """One case in every run."""
        return Line(name, tuple(r.by_name.get(name) for r in self.runs), self.margins,
                    tuple(r.cpus for r in self.runs), self.clock == units.INSTRUCTIONS)

    @cached_property
    def answers(self) -> list[Answer]:
        """Each run's own."""
        return [_answer(r) for r in self.runs]

    @property
    def shared(self) -> int:
        """Latency cases that all runs have."""
        each = [{c.name for c in r.of_kind("latency")} for r in self.runs]
        return len(set.intersection(*each))

    def sentence(self) -> str:
        """The headline strategy of the first run, and how it does in the others."""
        with units.counting(self.clock):
            return self._sentence()

    def _sentence(self) -> str:
        first = next(iter(self._groups[0]), None)
        row = winner(first) if first else None
        if first is None or row is None or row.ready is None:
            return f"{len(self.runs)} runs side by side"
        line = self.line(row.case.name)
        said = (f"{row.case.variant} has {first.label} ready in {units.time(row.ready.p50)} on "
                f"{self.labels[0]}")
        found = [e.value for e in line.ratios("ready") if e]
        if not found:
            return f"{said}; no other run has measured it"
        if len(found) == 1:
            return f"{said}; {units.digits(found[0])} × that in the other run"
        return (f"{said}; {units.digits(min(found))} to {units.digits(max(found))} × that in "
                f"{len(found)} others")


def _answer(run: Run) -> Answer:
    with units.counting(run.clock):
        return answer(run)


# ---- what the tables show beside latencies ----

def rates(line: Line, runs: list[Run]) -> list[Rate | None]:
    """Children per CPU-second, or per 10⁹ instructions."""
    return [rate(r, c) if c else None for r, c in zip(runs, line.cases)]


def sizes(line: Line, runs: list[Run]) -> list[tuple[float, int] | None]:
    """PSS after work and how many were alive: the most that all runs have measured."""
    each = []
    for run, case in zip(runs, line.cases):
        rows = memory_rows(run, case.payload) if case else []
        each.append({m["alive"]: m["pss_bytes"] for c, m in rows if case and case.same_way(c)
                     and m["at"] == "worked" and m["pss_bytes"] is not None})
    known = [set(e) for e in each if e]
    most = max(set.intersection(*known), default=None) if known else None
    return [(e[most], most) if most in e else None for e in each]


def leaked(line: Line, runs: list[Run], kind: str) -> list[tuple[int, int] | None]:
    """Secrets inherited or attacks that reached, of those tried."""
    return [leaks(r, c.strategy, c.payload, kind) if c else None
            for r, c in zip(runs, line.cases)]


def flat(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{k}: {v}" for k, v in value.items())
    return units.NOTHING if value is None else str(value)


@dataclass(frozen=True)
class Fact:
    """Something known of every machine or run."""

    name: str
    each: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return len(set(self.each)) > 1


#: Differ in every run, and are of no interest side by side.
ALWAYS_OWN = {"started", "finished", "argv", "uptime_s", "steal_ns", "psi_cpu_some_avg10", "date",
              "load_avg", "executable"}


def facts(several: Several) -> list[Fact]:
    """What differs first; then what is the same everywhere."""
    each = []
    for run in several.runs:
        context = {k: v for k, v in run.raw["context"].items()
                   if k not in ("spawnmark", "caches")}
        mark = {k: run.mark.get(k) for k in ("version", "commit", "seed", "quick", "fingerprint",
                                             "started", "finished", "clock")}
        each.append({**mark, **run.environment, **context})
    names: Iterable[str] = merged(each)
    found = [Fact(n, tuple(flat(e.get(n)) for e in each)) for n in names]
    return sorted(found, key=lambda f: (f.name in ALWAYS_OWN, not f.differs))


def machines(several: Several) -> str:
    """'2 kernels, 1 machine'."""
    kernels = Counter(r.environment["kernel"] for r in several.runs)
    hosts = Counter(r.raw["context"]["host_name"] for r in several.runs)
    said = [f"{len(c)} {word}{'' if len(c) == 1 else 's'}"
            for c, word in ((kernels, "kernel"), (hosts, "host"))]
    return ", ".join(said)
