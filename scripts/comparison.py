# SPDX-License-Identifier: MIT
"""A whole comparison: the runs, what they do not share, every cell, and what it all comes to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import changes
import failon
import fingerprint
import plans
import units
from changes import Change
from compared import Compared, Settings, compare, in_family, pairs_of_run, pairs_of_runs
from failon import Found, Rule
from fingerprint import Difference
from margins import Margins
from plans import PlanDifference
from runfile import Case, Run, RunError
from verdicts import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER

WORDS = (SLOWER, FASTER, EQUIVALENT, INCONCLUSIVE)
GOOD, REGRESSION, UNDECIDED = 0, 1, 4  # exit codes
BETWEEN_RUNS = ("Separate runs: the intervals know how blocks vary within a run, not how one run "
                "varies from the next (another boot, layout of memory, hour). `spawnmark run … "
                "--baseline BINARY` measures both in one run, by turns.")


@dataclass(frozen=True)
class Against:
    """One new run against the base; of a run of pairs, its new side."""

    run: Run
    label: str
    plan: list[PlanDifference]
    changes: list[Change]
    alone: tuple[list[str], list[str]]  # cases of the base alone, of the new one alone
    same: bool = False  # it is the base itself, or a copy


@dataclass(frozen=True)
class Comparison:
    """Everything that the outputs tell."""

    base: Run
    base_label: str
    against: list[Against]
    paired: bool
    seed: int
    margins: Margins
    rules: list[Rule]
    machines: list[Difference]
    cells: list[Compared]

    @property
    def unlike(self) -> list[PlanDifference]:
        return [d for a in self.against for d in plans.unlike(a.plan)]

    @property
    def same(self) -> bool:
        """Nothing but the base, again."""
        return all(a.same for a in self.against)

    @cached_property
    def family(self) -> list[Compared]:
        return [c for c in self.cells if c.family]

    @cached_property
    def primary(self) -> list[Compared]:
        return [c for c in self.cells if c.primary]

    @cached_property
    def worse(self) -> list[Change]:
        return [c for a in self.against for c in a.changes if c.worse]

    @cached_property
    def decided(self) -> list[tuple[Compared, float, Found]]:
        """What was asked: each cell with its bound, and what was found."""
        if not self.rules:
            return [(c, c.margin, failon.find(c, c.margin)) for c in self.primary]
        return [(self.cells[i], rule.bound, failon.find(self.cells[i], rule.bound))
                for rule in self.rules for i in failon.asked(rule, self.cells)]

    def found(self, what: Found) -> list[Compared]:
        return list(dict.fromkeys(c for c, _, f in self.decided if f == what))

    @cached_property
    def exit(self) -> int:
        if self.found(Found.BAD) or self.worse:
            return REGRESSION
        if self.same:
            return GOOD
        if not self.decided:  # no figure at all: cells are what was compared
            return UNDECIDED if any(c.judged for c in self.cells) else GOOD
        return UNDECIDED if self.found(Found.UNKNOWN) else GOOD

    def counts(self, cells: list[Compared]) -> dict[str, int]:
        """How many are slower, faster …; only words that there are."""
        found = Counter(c.verdict.word for c in cells)
        return {w: found[w] for w in WORDS if found[w]}

    def against_all(self, case: str, metric: str) -> list[Compared | None]:
        """The cells of one row, a column per new run."""
        by_run = self._rows[case, metric]
        return [by_run.get(i) for i in range(len(self.against))]

    @cached_property
    def _rows(self) -> dict[tuple[str, str], dict[int, Compared]]:
        made: dict[tuple[str, str], dict[int, Compared]] = {}
        for c in self.cells:
            made.setdefault((c.case, c.metric), {})[c.new_run] = c
        return made

    def rows(self, cells: list[Compared]) -> list[tuple[str, str]]:
        """Case and metric of cells, each once, in their order."""
        return list(dict.fromkeys((c.case, c.metric) for c in cells))


def labels(runs: list[Run]) -> list[str]:
    """The folders' names; alike ones get a number."""
    names = [run.folder.name for run in runs]
    return [f"{n} ({names[:i + 1].count(n)})" if names.count(n) > 1 else n
            for i, n in enumerate(names)]


def _judge(cells: list[Compared], rules: list[Rule]) -> list[Compared]:
    """Those that decide are one family."""
    asked = {i for rule in rules for i in failon.asked(rule, cells)}
    family = {id(c) for i, c in enumerate(cells) if c.primary or i in asked}
    return in_family(cells, lambda c: id(c) in family)


def of_pairs(run: Run, margins: Margins, rules: list[Rule], seed: int) -> Comparison:
    """Base and new side of one run."""
    pairs = pairs_of_run(run)
    if not pairs:
        raise RunError(f"{run.folder}: a run of pairs without one whole pair")
    cells = compare(pairs, 0, Settings(margins, True, seed, (run.cpus, run.cpus),
                                       counted=run.clock == units.INSTRUCTIONS))
    told = Against(run, "new", [], changes.changes(run, run, pairs), ([], []))
    return Comparison(run, "base", [told], True, seed, margins, rules, [], _judge(cells, rules))


def _names(cases: list[Case], others: list[Case]) -> list[str]:
    known = {c.name for c in others}
    return [c.name for c in cases if c.name not in known]


def _refuse_clocks(runs: list[Run]) -> None:
    """Instructions ÷ time is no ratio, by no force."""
    for run in runs[1:]:
        if run.clock != runs[0].clock:
            raise RunError(f"{run.folder} counts {run.clock}, {runs[0].folder} {runs[0].clock}: "
                           "there is no ratio of one to the other")


def of_runs(runs: list[Run], margins: Margins, rules: list[Rule], seed: int) -> Comparison:
    """The first against each of the others."""
    _refuse_clocks(runs)
    base, *others = runs
    names, told, cells = labels(runs), [], []
    for at, run in enumerate(others):
        pairs = pairs_of_runs(base, run)
        if not pairs:
            raise RunError(f"{run.folder}: no case in common with {base.folder}")
        told.append(Against(run, names[at + 1], plans.differences(base, run),
                            changes.changes(base, run, pairs),
                            (_names(base.cases, run.cases), _names(run.cases, base.cases)),
                            run.raw == base.raw))
        cells += compare(pairs, at, Settings(margins, False, seed, (base.cpus, run.cpus),
                                             told[-1].same, run.clock == units.INSTRUCTIONS))
    return Comparison(base, names[0], told, False, seed, margins, rules,
                      fingerprint.differences(runs), _judge(cells, rules))
