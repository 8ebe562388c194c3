# SPDX-License-Identifier: MIT
"""A profile as tables for a terminal and as JSON. Figures are those of one spawn, a mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from kernels.counted import Case, Counted
from kernels.functions import UNKNOWN, Functions, Shares

K = TypeVar("K", str, tuple[str, ...])

SCHEMA = 1
NOTE = "instructions under QEMU -icount, no cache misses, no time"
STRINGS = ("an instruction such as `rep stosb` counts once for each repetition, as the virtual "
           "clock counts it")
MOST_UNKNOWN = 0.10
TOP = 15


@dataclass
class Profile:
    """A case on a kernel, added up."""

    of: Counted
    functions: Functions

    @cached_property
    def shares(self) -> Shares:
        return Shares(self.of.namer.paths(self.of.segment), self.functions)

    @property
    def spans(self) -> int:
        return len(self.of.segment.spans)

    def each(self, n: int) -> float:
        return n / self.spans

    @property
    def case(self) -> Case:
        return self.of.case

    @property
    def label(self) -> str:
        return self.of.kernel.label

    @property
    def unlisted(self) -> int:
        return sum(self.shares.unlisted.values())

    def share(self, n: int) -> float:
        return n / self.shares.total

    def doubts(self) -> str | None:
        """Too much of it has no name in the table."""
        if self.share(max(self.shares.unknown, self.unlisted)) <= MOST_UNKNOWN:
            return None
        most = ", ".join(list(self.shares.unlisted)[:8])
        return (f"{self.label}, {self.case.name}: {self.share(self.shares.unknown):.1%} unknown, "
                f"{self.share(self.unlisted):.1%} by functions that functions.toml does not name "
                f"({most}): at most {MOST_UNKNOWN:.0%}; add them")


def number(value: float) -> str:
    """1 234 567: a narrow figure is easier to compare than 1.23 M."""
    return f"{value:,.0f}".replace(",", " ")


def _rows(of: Sequence[Profile | None], get: Callable[[Profile], Mapping[str, int]],
          most: int | None) -> list[tuple[str, list[float | None]]]:
    """Names, largest first by the greatest of their values."""
    tables = [get(p) if p else None for p in of]
    names = {name for table in tables if table for name in table}
    rows = [(name, [p.each(table.get(name, 0)) if p and table is not None else None
                    for p, table in zip(of, tables)]) for name in names]
    rows.sort(key=lambda row: (-max(v or 0 for v in row[1]), row[0]))
    return rows[:most]


class Table:
    """One case, its kernels side by side."""

    def __init__(self, case: Case, of: Sequence[Profile | None]) -> None:
        self.case, self.of = case, list(of)
        self.some = [p for p in of if p]

    def _line(self, name: str, values: Sequence[float | None], share: bool = True) -> str:
        cells = []
        for p, value in zip(self.of, values):
            if p is None or value is None:
                cells.append(f"{'–':>11}" + (" " * 8 if share else ""))
                continue
            part = f"{value / p.each(p.shares.total):>7.1%} " if share else " " * 8
            cells.append(f"{number(value):>11}{part}")
        ratio = ""
        if len(values) == 2 and values[0] and values[1]:
            ratio = f"{values[1] / values[0]:>7.2f}×"
        return f"  {name:<34.34}{''.join(cells)}{ratio}"

    def _block(self, title: str, get: Callable[[Profile], Mapping[str, int]],
               most: int | None = None) -> Iterator[str]:
        least = 0.0005 * max(p.each(p.shares.total) for p in self.some)
        yield f" {title}"
        for name, values in _rows(self.of, get, most):
            if max(v or 0 for v in values) >= least:
                yield self._line(name, values)

    def lines(self) -> Iterator[str]:
        heads = "".join(f"{p.label if p else '':>11}        " for p in self.of)
        yield f"{self.case.name}: instructions of one spawn, request to reaped"
        yield f"  {'':<34}{heads}"
        yield self._line("counted", [p and p.each(p.of.counted) for p in self.of])
        yield self._line("the virtual clock says", [p and p.each(sum(p.of.clock)) for p in self.of],
                         False)
        yield "  " + f"{'apart, the worst span':<34}" + "".join(
            f"{p.of.disagreement:>18.3%} " if p else " " * 19 for p in self.of)
        yield self._line("repetitions of string instructions",
                         [p and p.each(p.of.segment.repeats) for p in self.of])
        yield from self._block("who", lambda p: p.shares.roles)
        yield from self._block("when", lambda p: p.shares.by(0))
        yield from self._block("for what", lambda p: p.shares.by(1))
        yield from self._block("functions, without what they call", lambda p: p.shares.by(2), TOP)
        yield self._line("not in functions.toml: callers'",
                         [p and p.each(p.unlisted) for p in self.of])
        yield self._line(UNKNOWN, [p and p.each(p.shares.unknown) for p in self.of])


def _rounded(table: Mapping[str, int], p: Profile) -> dict[str, float]:
    return {name: round(p.each(n), 1) for name, n in table.items()}


def _largest(table: Mapping[K, int]) -> list[tuple[K, int]]:
    return sorted(table.items(), key=lambda item: (-item[1], item[0]))


def as_json(p: Profile) -> dict[str, Any]:
    """Everything of a case, instructions of one spawn; functions that are 0.01 % and more."""
    s = p.shares
    least = s.total / 10_000
    inclusive = {name: n for name, n in _largest(s.inclusive) if n >= least}
    functions = [{"name": name, "phase": phase, "category": category,
                  "instructions": round(p.each(n), 1)}
                 for (phase, category, name), n in _largest(s.stacks) if n >= least]
    return {
        "kernel": p.label, "release": p.of.release, "package": p.of.kernel.package,
        "strategy": p.case.strategy, "heap_mb": p.case.heap_mb,
        "pages": p.case.pages if p.case.heap_mb else None,
        "spans": p.of.segment.spans, "clock_ns": p.of.clock,
        "disagreement": round(p.of.disagreement, 6), "calls_lost": p.of.segment.lost,
        "instructions": round(p.each(s.total), 1),
        "repeats": round(p.each(p.of.segment.repeats), 1),
        "roles": _rounded(s.roles, p), "phases": _rounded(s.by(0), p),
        "categories": _rounded(s.by(1), p),
        "unlisted": round(p.each(p.unlisted), 1), "unknown": round(p.each(s.unknown), 1),
        "functions": functions, "inclusive": _rounded(inclusive, p),
    }
