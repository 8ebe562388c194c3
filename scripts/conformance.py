# SPDX-License-Identifier: MIT
"""Conformance for the reports: groups × strategies of the conformance.json beside a run.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from conformfile import BAD, TALLY, Document, load
from kernels import reasons
from kernels.reasons import Explained
from pivot import Pivot
from runfile import Run

FILE = "conformance.json"
#: What a cell counts, and its sign.
COUNTED = tuple(TALLY)


@dataclass(frozen=True)
class Count:
    """How many checks of a group hold under a strategy; a verdict that is an error comes first."""

    text: str
    bad: bool
    tip: str


@dataclass(frozen=True)
class Sheet:
    """One document: its strategies, and a row per group."""

    document: Document
    strategies: list[str]
    rows: list[tuple[str, list[Count]]]


@dataclass(frozen=True)
class Overview:
    """All sheets, and what differs between them."""

    sentence: str
    sheets: list[Sheet]
    changed: list[Explained]
    features: list[Explained]
    kernels: bool  # of several: then there may be a reason

    @property
    def told(self) -> int:
        """How many differences a row explains."""
        return sum(e.whole for e in (*self.changed, *self.features))


def _count(seen: dict[str, int]) -> Count:
    order = [*(k for k in BAD if k in seen), *(k for k in seen if k not in BAD)]
    text = " ".join(f"{seen[k]} {TALLY[k].symbol}" for k in order) or "–"
    tip = ", ".join(f"{seen[k]} {TALLY[k].word}" for k in order) or "does not apply"
    return Count(text, any(k in BAD for k in order), tip)


def _sheet(pivot: Pivot, document: Document) -> Sheet:
    rows = [("all", pivot.rows), *((pivot.titles[g], found) for g in pivot.groups
                                   if (found := pivot.group(g)))]
    return Sheet(document, [s["name"] for s in document.strategies],
                 [(title, [_count(c) for c in pivot.counts(document, found)])
                  for title, found in rows])


def overview(runs: list[Run], labels: list[str]) -> Overview | None:
    """Of the runs whose folder has one; None where none has."""
    found: list[tuple[Path, str]] = [(r.folder / FILE, label) for r, label in zip(runs, labels)
                                     if (r.folder / FILE).is_file()]
    if not found:
        return None
    pivot = Pivot([load(path, label) for path, label in found])
    changed, features = (reasons.explained(c, pivot.documents) if pivot.several else []
                         for c in (pivot.changed, pivot.changed_features))
    return Overview(pivot.sentence, [_sheet(pivot, d) for d in pivot.documents], changed, features,
                    reasons.are_several(pivot.documents))
