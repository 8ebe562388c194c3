# SPDX-License-Identifier: MIT
"""Conformance of one or several files as checks × strategies: counts, differences, sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from conformfile import BAD, SIGNS, TALLY, Cell, Document

#: What the sentence says of each verdict that is no error.
TOLD = {"PASS": ("holds", "hold"), "XFAIL": ("differs by design", "differ by design"),
        "RECORD": ("is recorded", "are recorded"), "SKIP": ("is skipped", "are skipped")}
NAMED = 3  # cells that the sentence names, of several files one each; the rest is counted


def count(n: int, word: str) -> str:
    return f"{n} {word if n == 1 else word + 's'}"


def count_strategies(n: int) -> str:
    return "1 strategy" if n == 1 else f"{n} strategies"


def merged(lists: Iterable[Iterable[str]]) -> list[str]:
    """Every name once; one that only a later list has stands where that list has it."""
    order: list[str] = []
    for names in lists:
        at = 0
        for name in names:
            if name in order:
                at = order.index(name) + 1
            else:
                order.insert(at, name)
                at += 1
    return order


@dataclass(frozen=True)
class Row:
    """One check: a cell per column, None where it was not asked."""

    check: dict[str, Any]
    columns: list[tuple[Document, str]]
    cells: list[Cell | None]

    @property
    def id(self) -> str:
        return self.check["id"]

    def in_file(self, document: Document) -> list[Cell | None]:
        return [c for (d, _), c in zip(self.columns, self.cells) if d is document]

    def of(self, document: Document) -> list[Cell]:
        return [c for c in self.in_file(document) if c]

    @property
    def keys(self) -> list[str]:
        """Verdicts that occur, for the filter."""
        return [k for k in SIGNS if any(c and c.key == k for c in self.cells)]

    @property
    def flaky(self) -> bool:
        return any(c and c.flaky for c in self.cells)

    @property
    def bad(self) -> bool:
        return any(c and c.bad for c in self.cells)

    @property
    def differs(self) -> bool:
        """Strategies of one file to which it applies were seen to behave differently."""
        documents = {id(d): d for d, _ in self.columns}.values()
        return any(len({c.observed for c in self.of(d) if c.applies}) > 1 for d in documents)

    def alike(self, document: Document) -> list[tuple[list[str], Cell]]:
        """Cells of a file that say the same, together, in the order of the columns."""
        found: dict[tuple[str, str], tuple[list[str], Cell]] = {}
        for cell in self.of(document):
            found.setdefault((cell.word, cell.said), ([], cell))[0].append(cell.strategy)
        return list(found.values())

    @property
    def reasons(self) -> list[tuple[str, str]]:
        """Who differs by design, and why; each reason once."""
        found: dict[str, list[str]] = {}
        for cell in self.cells:
            if cell and cell.verdict == "XFAIL" and cell.reason:
                found.setdefault(cell.reason, []).append(cell.strategy)
        return [(", ".join(dict.fromkeys(who)), reason) for reason, who in found.items()]


@dataclass(frozen=True)
class Change:
    """Something that differs between files: what, and how each has it (None: not at all)."""

    what: str
    strategy: str
    each: list[Any]


class Pivot:
    """Rows × columns of all files; a check's text is the one of the last file that has it."""

    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents
        self.several = len(documents) > 1
        self.columns = [(d, s["name"]) for d in documents for s in d.strategies]
        self.checks = {k: c for d in documents for k, c in d.checks.items()}
        self.titles = {k: t for d in documents for k, t in d.groups.items()}
        self.features = {k: f for d in documents for k, f in d.features.items()}
        self.strategies = {s["name"]: s for d in documents for s in d.strategies}

    @cached_property
    def rows(self) -> list[Row]:
        """Checks that were asked, group by group."""
        order = merged(d.checks for d in self.documents)
        made = [Row(self.checks[k], self.columns, [d.cell(k, s) for d, s in self.columns])
                for k in order]
        place = {g: i for i, g in enumerate(self.groups)}
        asked = [r for r in made if any(r.cells)]
        return sorted(asked, key=lambda r: place[r.check["group"]])

    @cached_property
    def groups(self) -> list[str]:
        return merged(d.groups for d in self.documents)

    def group(self, name: str) -> list[Row]:
        return [r for r in self.rows if r.check["group"] == name]

    @property
    def failed(self) -> list[tuple[Row, Document, Cell]]:
        """Bad cells, what MUST hold first."""
        found = [(r, d, c) for r in self.rows for (d, _), c in zip(r.columns, r.cells)
                 if c and c.bad]
        rank = ("MUST", "SHOULD", "RECORD")
        return sorted(found, key=lambda f: rank.index(f[0].check["level"]))

    @property
    def flaky(self) -> list[tuple[Row, Document, Cell]]:
        return [(r, d, c) for r in self.rows for (d, _), c in zip(r.columns, r.cells)
                if c and c.flaky]

    @property
    def differing(self) -> list[Row]:
        return [r for r in self.rows if r.differs or r.bad]

    def counts(self, document: Document, rows: list[Row]) -> list[dict[str, int]]:
        """Per strategy: cells by what they count as (TALLY); what does not apply does not."""
        found = []
        for strategy in document.strategies:
            cells = (document.cell(r.id, strategy["name"]) for r in rows)
            seen = Counter(c.counted_as for c in cells if c)
            found.append({k: seen[k] for k in TALLY if seen[k]})
        return found

    # ---- what changed between files ----

    def _changes(self, names: Iterable[tuple[str, str]],
                 look: Callable[[Document, str, str], Any], outcome: Callable[[Any], Any]
                 ) -> list[Change]:
        changes = []
        for what, strategy in names:
            each = [look(d, what, strategy) for d in self.documents]
            if len({outcome(e) for e in each if e is not None}) > 1:
                changes.append(Change(what, strategy, each))
        return changes

    @cached_property
    def changed(self) -> list[Change]:
        """Cells that two files have, with another verdict or observation."""
        pairs = [(r.id, s) for r in self.rows for s in dict.fromkeys(s for _, s in self.columns)]
        return self._changes(pairs, lambda d, k, s: d.cell(k, s), lambda c: c.outcome)

    @cached_property
    def changed_features(self) -> list[Change]:
        names = ((n, "") for n in merged(d.features for d in self.documents))
        return self._changes(names, lambda d, k, _: d.features.get(k), lambda f: f["presence"])

    @property
    def absent(self) -> list[str]:
        """One line for each file that lacks checks or strategies that another one asked."""
        lines = []
        for d in self.documents:
            for word, all_names, own in (
                    ("checks", [r.id for r in self.rows], {k for k, _ in d.cells}),
                    ("strategies", list(self.strategies), {s for _, s in d.cells})):
                lacking = [n for n in all_names if n not in own]
                if lacking:
                    lines.append(f"{d.label} has no results of these {word}: "
                                 + ", ".join(lacking))
        return lines

    # ---- the sentence ----

    def _faults(self, document: Document) -> str:
        """'nothing failed'; else how many, each verdict apart, and where: MUST first."""
        found = [(r, c) for r, d, c in self.failed if d is document]
        if not found:
            return "nothing failed"
        seen = Counter(c.verdict for _, c in found)
        kinds = ", ".join(f"{seen[v]} {v}" for v in BAD if seen[v])
        most = 1 if self.several else NAMED
        named = ", ".join(f"{r.id} in {c.strategy}" for r, c in found[:most])
        more = f" and {len(found) - most} more" if len(found) > most else ""
        apart = f" ({kinds})" if seen["FAIL"] < len(found) else ""
        return f"{count(len(found), 'cell')} failed{apart}: {named}{more}"

    def _rest(self, document: Document) -> str:
        seen = Counter(c.counted_as for c in document.cells.values())
        return ", ".join(f"{seen[k]} {verb[seen[k] > 1]}" for k, verb in TOLD.items() if seen[k])

    def _about(self, document: Document) -> str:
        rest = self._rest(document)
        return self._faults(document) + (f"; {rest}" if rest else "")

    @property
    def sentence(self) -> str:
        """How many checks × strategies, on which kernel, what failed."""
        cut = [d.label for d in self.documents if d.incomplete]
        size = f"{count(len(self.rows), 'check')} × {count_strategies(len(self.strategies))}"
        mark = f"Incomplete ({'; '.join(cut)}): " if self.several and cut else (
            "Incomplete: " if cut else "")
        if not self.several:
            return f"{mark}{size} on {self.documents[0].label}: {self._about(self.documents[0])}."
        each = "; ".join(f"{d.label}: {self._faults(d)}" for d in self.documents)
        changed = (f"{count(len(self.changed), 'cell')} and "
                   f"{count(len(self.changed_features), 'feature')} differ between the files")
        return f"{mark}{size} in {len(self.documents)} files. {each}. {changed}."
