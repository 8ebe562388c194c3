# SPDX-License-Identifier: MIT
"""Why a cell differs between kernels: by the reviewed rows of changes.toml; nothing is guessed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from conformfile import Cell, Document
from pivot import Change
from runfile import RunError

TABLE = Path(__file__).resolve().with_name("changes.toml")
#: An id is a check's, or one of these: what a probe found, and what any spawn passes through.
FEATURE, SPAWN = "feature:", "spawn"
REALTIME = "PREEMPT_RT"
#: Where it says of a strategy that a check of it may fail.
EXPECTED = "scenarios/conformance/expect.c"
WORDS = {"id", "what", "source"}
#: Besides, a row has one of these: releases, machines, or what a kernel was built with.
KINDS = ({"from", "to"}, {"machines"}, {"config"})

Version = tuple[int, ...]


def version(text: str) -> Version:
    """'6.12.43+deb12-amd64' → (6, 12, 43)."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()


@dataclass(frozen=True)
class Kernel:
    """What of a kernel a row can be about."""

    release: Version
    machine: str
    realtime: bool

    @staticmethod
    def of(environment: dict[str, Any]) -> Kernel:
        built = environment.get("kernel_version") or ""
        return Kernel(version(environment["kernel"]), environment.get("machine") or "",
                      REALTIME in built)


@dataclass(frozen=True)
class Reason:
    """One row. last: the newest release without it; first: the one that brought it."""

    id: str
    what: str
    source: str
    last: Version = ()
    first: Version = ()
    machines: frozenset[str] = frozenset()
    config: str = ""

    def tells(self, a: Kernel, b: Kernel) -> bool:
        """Whether it lies between the two."""
        if self.machines:
            return {a.machine, b.machine} == self.machines
        if self.config:
            return a.realtime != b.realtime
        low, high = sorted((a.release, b.release))
        if self.last and low[:len(self.last)] > self.last:
            return False
        return low < self.first <= high

    @property
    def when(self) -> str:
        """'Linux 6.10', 'PREEMPT_RT', 'aarch64, x86_64'."""
        if self.first:
            return "Linux " + ".".join(map(str, self.first))
        return self.config or ", ".join(sorted(self.machines))


def _reason(row: dict[str, Any], where: str) -> Reason:
    if not (WORDS <= row.keys() and row.keys() - WORDS in KINDS):
        raise RunError(f"{where}: expected id, what and source, and from and to, or machines, or "
                       f"config; found {', '.join(row)}")
    if row.get("config", REALTIME) != REALTIME:
        raise RunError(f"{where}: config '{row['config']}' is not known; expected {REALTIME}")
    last, first = version(row.get("from", "")), version(row.get("to", ""))
    if last > first or ("to" in row and not (last and first)):
        raise RunError(f"{where}: from {row['from']} to {row['to']} is no span of releases")
    return Reason(row["id"], row["what"], row["source"], last, first,
                  frozenset(row.get("machines", ())), row.get("config", ""))


@cache
def table(path: Path = TABLE) -> tuple[Reason, ...]:
    """All rows. RunError names the row that is wrong."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as err:
        raise RunError(f"{path}: {err}") from err
    return tuple(_reason(row, f"{path}: row {i} ({row.get('id', 'no id')})")
                 for i, row in enumerate(raw.get("change", ()), 1))


@dataclass(frozen=True)
class Explained:
    """A cell that differs, and what is known of it; whole: of every kernel that differs."""

    change: Change
    reasons: tuple[Reason, ...]
    whole: bool


def _ids(change: Change, seen: Iterable[Any]) -> list[str]:
    """What rows may be about: the check or feature itself, and a feature that a check lacked."""
    if not change.strategy:
        return [FEATURE + change.what]
    lacking = [FEATURE + cell.feature for cell in seen if isinstance(cell, Cell) and cell.feature]
    return [change.what, *lacking]


def _outcome(seen: Any) -> Any:
    return seen.outcome if isinstance(seen, Cell) else seen["presence"]


def _by_chance(what: str, a: Any, b: Any) -> list[Reason]:
    """Of a cell that by its own expectation may fail or hold, on whatever kernel."""
    failed = [c for c in (a, b) if isinstance(c, Cell) and c.verdict == "XFAIL"]
    held = [c for c in (a, b) if isinstance(c, Cell) and c.held_though]
    if not (failed and held):
        return []
    why = (failed[0].reason or "").removeprefix("differs by design: ")
    return [Reason(what, f"may fail or hold, the next time too: {why}", EXPECTED,
                   config="any kernel")]


def explain(change: Change, kernels: Sequence[Kernel], rows: Sequence[Reason]) -> Explained:
    """Of the first kernel that has the cell, against each that has it otherwise."""
    have = [(k, e) for k, e in zip(kernels, change.each) if e is not None]
    base, seen = have[0]
    found: dict[Reason, None] = {}
    whole = True
    for kernel, other in have[1:]:
        if _outcome(other) == _outcome(seen):
            continue
        ids = _ids(change, (seen, other))
        told = _by_chance(change.what, seen, other) if rows else []
        told += [r for r in rows if any(fnmatchcase(i, r.id) for i in ids)
                 and r.tells(base, kernel)]
        whole = whole and bool(told)
        found |= dict.fromkeys(told)
    return Explained(change, tuple(found), whole)


def probed(documents: Sequence[Document], known: Sequence[Reason]) -> list[Reason]:
    """What the probes' own table tells: a row for each feature that `known` has none of."""
    told = {r.id for r in known}
    found = {}
    for name, f in ((n, f) for d in documents for n, f in d.features.items()):
        match = re.fullmatch(r"Linux ([\d.]+)", f["since"])
        if match and FEATURE + name not in told:
            found[name] = Reason(FEATURE + name, f"new: {f['what']}", f["source"],
                                 first=version(match[1]))
    return list(found.values())


def explained(changes: Sequence[Change], documents: Sequence[Document]) -> list[Explained]:
    """Each change; of documents of one kernel there is nothing to tell."""
    kernels = [Kernel.of(d.environment) for d in documents]
    rows: Sequence[Reason] = ()
    if len(set(kernels)) > 1:
        rows = [*table(), *probed(documents, table())]
    return [explain(c, kernels, rows) for c in changes]


def are_several(documents: Sequence[Document]) -> bool:
    return len({Kernel.of(d.environment) for d in documents}) > 1


def on_the_path(environments: Sequence[dict[str, Any]]) -> list[Reason]:
    """What changed for every spawn between the first kernel and any other."""
    base, *others = map(Kernel.of, environments)
    return [r for r in table() if r.id == SPAWN and any(r.tells(base, k) for k in others)]
