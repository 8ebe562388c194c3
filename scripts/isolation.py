# SPDX-License-Identifier: MIT
"""The isolation findings as tables: rows are secrets or attacks, columns strategies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from derive import attacker
from runfile import Run, strategy_rank

ATTACKERS = ("root", "same", "undumpable", "other")
#: From worst to harmless: what a cell shows when several attacks fell on it.
SEVERITY = ("leaked", "blocked", "absent", "n/a")


@dataclass(frozen=True)
class Column:
    """A strategy, with the payload it was attacked with."""

    strategy: str
    payload: str
    sandbox: str
    name: str


@dataclass(frozen=True)
class Table:
    """cells: (row, column name) → findings."""

    rows: list[str]
    cols: list[Column]
    cells: dict[tuple[str, str], list[dict[str, Any]]]

    def at(self, row: str, col: Column) -> list[dict[str, Any]]:
        return self.cells.get((row, col.name), [])

    def worst(self, row: str, col: Column) -> str | None:
        found = [f["outcome"] for f in self.at(row, col)]
        return min(found, key=SEVERITY.index, default=None)

    def sign(self, row: str, col: Column) -> str:
        """Short text of the cell: a cross, an errno, a dot."""
        worst = self.worst(row, col)
        if worst == "blocked":
            errors = {f["errno"] for f in self.at(row, col) if f["outcome"] == "blocked"}
            return next((e for e in sorted(filter(None, errors))), "blocked")
        return {"leaked": "✗", "absent": "·", "n/a": "n/a", None: "–"}[worst]


def _columns(rows: list[dict[str, Any]]) -> list[Column]:
    pairs = sorted({(f["strategy"], f["payload"], f["sandbox"]) for f in rows},
                   key=lambda p: (strategy_rank(p[0]), p[1], p[2] != "none", p[2]))
    payloads, sandboxes = {p[1] for p in pairs}, {p[2] for p in pairs}
    made = []
    for strategy, payload, sandbox in pairs:
        extra = ([payload] if len(payloads) > 1 else []) + ([sandbox] if len(sandboxes) > 1 else [])
        made.append(Column(strategy, payload, sandbox, " ".join([strategy, *extra])))
    return made


def _table(rows: list[dict[str, Any]], names: dict[int, str]) -> Table:
    cols = _columns(rows)
    by_key = {(c.strategy, c.payload, c.sandbox): c for c in cols}
    cells: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for f in rows:
        col = by_key[f["strategy"], f["payload"], f["sandbox"]]
        cells.setdefault((names[id(f)], col.name), []).append(f)
    return Table(list(dict.fromkeys(names[id(f)] for f in rows)), cols, cells)


def sandboxes(run: Run) -> list[str]:
    """Those that were attacked from, none first."""
    return sorted({f["sandbox"] for f in run.isolation}, key=lambda s: (s != "none", s))


def attackers(run: Run) -> str:
    """Whose findings the summary shows: 'same; in ns, full: root'."""
    plain = attacker(run)
    others: dict[str, list[str]] = {}
    for sandbox in sandboxes(run):
        who = attacker(run, sandbox)
        if who and who != plain:
            others.setdefault(who, []).append(sandbox)
    said = [f"in {', '.join(found)}: {who}" for who, found in others.items()]
    return "; ".join([*([plain] if plain else []), *said])


def inherited(run: Run, sandbox: str | None = None) -> Table:
    """Secret × strategy for each sandbox's attacker in the summary; in one sandbox, or side by side in all."""
    rows = [f for f in run.isolation
            if f["kind"] == "inherited" and f["attacker"] == attacker(run, f["sandbox"])
            and sandbox in (None, f["sandbox"])]
    return _table(rows, {id(f): f["secret"] for f in rows})


def reachable(run: Run, who: str, sandbox: str | None = None) -> Table:
    """Attack → target × strategy for one attacker; in one sandbox, or side by side in all."""
    rows = [f for f in run.isolation if f["kind"] == "reachable" and f["attacker"] == who
            and sandbox in (None, f["sandbox"])]
    return _table(rows, {id(f): f"{f['attack']} → {f['target']}" for f in rows})


