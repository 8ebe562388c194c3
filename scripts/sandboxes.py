# SPDX-License-Identifier: MIT
"""What each sandbox adds to a strategy's latency: its cases against the same ones in `none`.

Paired by block, as everything that compares two cases. The tail cannot be paired: p99 is of the
pooled samples and stands as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import units
from runfile import Case, Metric, Run
from stats import Estimate, difference, ratio

SCENARIOS = ("sandbox", "kernels")
NONE = "none"


@dataclass(frozen=True)
class Price:
    """One sandbox under one strategy; added and times are None for `none` itself."""

    case: Case
    ready: Metric | None
    added: Estimate | None
    times: Estimate | None

    @property
    def sandbox(self) -> str:
        return self.case.sandbox

    @property
    def why(self) -> str:
        """What kept it from being measured."""
        said = [e["text"] for e in self.case.errors]
        return f"{self.case.status}: {said[0]}" if said else self.case.status


@dataclass(frozen=True)
class Table:
    """One payload: strategies, and sandboxes from none to full."""

    label: str
    strategies: list[str]
    sandboxes: list[str]
    cells: dict[tuple[str, str], Price]

    def at(self, sandbox: str, strategy: str) -> Price | None:
        return self.cells.get((sandbox, strategy))

    @property
    def rows(self) -> list[Price]:
        """Strategy by strategy."""
        return [p for s in self.strategies for b in self.sandboxes if (p := self.at(b, s))]


def _price(case: Case, base: Case | None) -> Price:
    mine, plain = case.metric("ready"), base.metric("ready") if base else None
    if mine is None or plain is None or case is base:
        return Price(case, mine, None, None)
    return Price(case, mine, difference(mine.blocks, plain.blocks),
                 ratio(mine.blocks, plain.blocks))


def _comparable(case: Case) -> tuple[Any, ...]:
    """What a case and its baseline have in common."""
    others = tuple(sorted((k, v) for k, v in case.params.items() if k != "sandbox"))
    return case.scenario, case.section, case.strategy, case.payload, case.target, case.pin, others


def tables(run: Run) -> list[Table]:
    """Of scenarios that sweep sandboxes; a table per section, as the file has them."""
    cases = [c for c in run.of_kind("latency") if c.scenario in SCENARIOS and not c.is_meter
             and "sandbox" in c.params]
    plain = {_comparable(c): c for c in cases if c.sandbox == NONE}
    order = {c["name"]: i for i, c in enumerate(run.raw["cases"])}
    sections: dict[tuple[str, str], list[Case]] = {}
    for case in sorted(cases, key=lambda c: order[c.name]):
        sections.setdefault((case.section, case.label), []).append(case)
    made = []
    for (_, label), found in sections.items():
        ranked = [c for c in run.cases if c in found]  # strategies in their usual order
        made.append(Table(
            label, list(dict.fromkeys(c.strategy for c in ranked)),
            list(dict.fromkeys(c.sandbox for c in found)),
            {(c.sandbox, c.strategy): _price(c, plain.get(_comparable(c))) for c in found}))
    return made


def signed(est: Estimate | None, scale: float = 1e3) -> str:
    """'+48.1 [40.0, 55.2]' in µs, or in thousands of instructions."""
    if est is None:
        return units.NOTHING
    plus = "+" if est.value > 0 else ""
    return plus + units.in_unit(est.value, est.ci, scale)


def tail(price: Price) -> str:
    """p99 in µs; with its interval, where there is one."""
    m = price.ready
    if m is None or m.p99 is None:
        return units.NOTHING
    return units.in_unit(m.p99, m.p99_ci, 1e3)


def heads() -> tuple[str, ...]:
    """Of the whole table, for text and page alike."""
    unit = units.micro()
    return ("strategy", "sandbox", f"ready p50 {unit} [95 %]", f"− none {unit} [95 %]",
            "÷ none [95 %]", f"p99 {unit}", "n")


def cells(price: Price) -> list[str]:
    m = price.ready
    if m is None:
        return [price.case.strategy, price.sandbox, price.why, *[units.NOTHING] * 4]
    return [price.case.strategy, price.sandbox, units.in_unit(m.p50, m.ci, 1e3),
            signed(price.added), units.times(price.times), tail(price), f"{m.n} in {m.nblocks}"]


def lines(run: Run) -> list[str]:
    """For the screen: a row per sandbox, what it adds under each strategy."""
    made: list[str] = []
    for table in tables(run):
        made += _lines(table)
    return made


def _lines(table: Table) -> list[str]:
    """With intervals where there is room for them."""
    width = 90 // max(1, len(table.strategies))
    made = [f"ready p50 − none, {units.micro()}, by block · {table.label}",
            f"{'sandbox':<10}" + "".join(s.rjust(width) for s in table.strategies)]
    for sandbox in table.sandboxes:
        row = [_cell(table.at(sandbox, s), sandbox, width) for s in table.strategies]
        made.append(f"{sandbox[:10]:<10}" + "".join(c.rjust(width) for c in row))
    return made


def _cell(price: Price | None, sandbox: str, width: int) -> str:
    if price is None or price.ready is None:
        return (price.case.status if price else units.NOTHING)[:width - 1]
    if sandbox == NONE:
        whole = "= " + units.in_unit(price.ready.p50, price.ready.ci, 1e3)
    else:
        whole = signed(price.added)
    return whole if len(whole) < width else whole.partition(" [")[0]


def markdown(run: Run) -> str:
    """The whole tables, for summary.md; empty where nothing was measured."""
    said = []
    for table in tables(run):
        said += [f"\n## What a sandbox adds to `ready`: {table.label}\n",
                 "| " + " | ".join(heads()) + " |",
                 "|---|---|" + "---:|" * (len(heads()) - 2)]
        said += ["| " + " | ".join(c.replace("|", "\\|") for c in cells(p)) + " |"
                 for p in table.rows]
    return "\n".join(said) + "\n" if said else ""
