# SPDX-License-Identifier: MIT
"""What changed beside the figures: secrets that leak, checks, and cases that work or do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import conformfile
from conformfile import Cell, Document
from runfile import Case, Run

#: Of an attack's outcomes, which speaks for several of the same name.
RANK = ("leaked", "blocked", "absent", "n/a")
HELD = ("blocked", "absent")
#: How good the end of a case is.
STATUS = ("failed", "unavailable", "partial", "ok")


@dataclass(frozen=True)
class Change:
    """One cell that is not as it was."""

    kind: str  # isolation, conformance, case
    what: str
    base: str
    new: str
    worse: bool
    evidence: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.base} → {self.new}"


def _attacks(run: Run) -> dict[tuple[str, ...], dict[str, Any]]:
    """By everything that names a cell; of several the worst."""
    made: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in run.isolation:
        key = tuple(row[k] for k in ("strategy", "payload", "sandbox", "attacker", "kind",
                                     "secret", "attack", "target"))
        known = made.get(key)
        if known is None or RANK.index(row["outcome"]) < RANK.index(known["outcome"]):
            made[key] = row
    return made


def _attack_name(row: dict[str, Any]) -> str:
    """'zygote none: memfd/before inherited (root)'."""
    boxed = "" if row["sandbox"] == "none" else f" in {row['sandbox']}"
    what = row["secret"] if row["kind"] == "inherited" else f"{row['attack']} on {row['target']}"
    return f"{row['strategy']} {row['payload']}{boxed}: {what} {row['kind']} ({row['attacker']})"


def isolation(base: Run, new: Run) -> list[Change]:
    """Cells that both runs have. Worse: it leaks, and was seen not to (n/a: was not tried)."""
    mine = _attacks(base)
    return [Change("isolation", _attack_name(row), mine[key]["outcome"], row["outcome"],
                   row["outcome"] == "leaked" and mine[key]["outcome"] in HELD,
                   row["evidence"] or row["errno"] or "")
            for key, row in _attacks(new).items()
            if key in mine and mine[key]["outcome"] != row["outcome"]]


def _document(run: Run) -> Document | None:
    """conformance.json beside run.json, if there is one. RunError when it is no such file."""
    path = run.folder / "conformance.json"
    return conformfile.load(path) if path.is_file() else None


def _word(cell: Cell | None) -> str:
    return cell.word if cell else "not asked"


def conformance(base: Document, new: Document) -> list[Change]:
    """Cells of checks and strategies that both files know. Worse: bad, and was not."""
    strategies = [s["name"] for s in new.strategies
                  if s["name"] in {s["name"] for s in base.strategies}]
    found = []
    for check in (c for c in new.checks if c in base.checks):
        for strategy in strategies:
            was, now = base.cell(check, strategy), new.cell(check, strategy)
            if (was.key if was else None) == (now.key if now else None):
                continue
            worse = now is not None and now.bad and not (was is not None and was.bad)
            found.append(Change("conformance", f"{check} in {strategy}", _word(was), _word(now),
                                worse, " ".join(now.said.split()) if now else ""))
    return found


def _why(case: Case) -> str:
    return case.errors[0]["text"] if case.errors else ""


def cases(pairs: list[tuple[Case, Case]]) -> list[Change]:
    """Whose end differs. Worse: it does not work as it did."""
    return [Change("case", new.name, base.status, new.status,
                   STATUS.index(new.status) < STATUS.index(base.status), _why(new))
            for base, new in pairs if base.status != new.status]


def changes(base: Run, new: Run, pairs: list[tuple[Case, Case]]) -> list[Change]:
    """All three, those for the worse first."""
    documents: list[Document | None] = [None, None]
    if base is not new:
        documents = [_document(run) for run in (base, new)]
    found = cases(pairs) + (isolation(base, new) if base is not new else [])
    if documents[0] and documents[1]:
        found += conformance(documents[0], documents[1])
    return sorted(found, key=lambda c: not c.worse)
