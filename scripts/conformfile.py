# SPDX-License-Identifier: MIT
"""conformance.json, as `spawnmark conform --json` writes it: read, checked, given names."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runfile import SCHEMA as RUN_SCHEMA
from runfile import RunError, check, read_json, refuse, strategy_rank

SCHEMA = RUN_SCHEMA.with_name("conformance.schema.json")
SCHEMA_NAME = "conformance-1"


@dataclass(frozen=True)
class Sign:
    """How a cell looks: never by colour alone."""

    symbol: str
    word: str
    kind: str  # class in the page
    legend: str


SIGNS = {
    "PASS": Sign("✓", "pass", "pass", "the claim holds, as expected"),
    "XFAIL": Sign("≠", "differs", "differs", "differs by design: a documented difference"),
    "YES": Sign("◆", "yes", "record", "recorded, no error either way: it holds"),
    "NO": Sign("◇", "no", "record", "recorded, no error either way: it does not hold"),
    "SKIP": Sign("↷", "skip", "skip", "not asked: a feature is missing"),
    "FAIL": Sign("✗", "FAIL", "bad", "the claim does not hold"),
    "XPASS": Sign("!", "XPASS", "bad", "a documented difference has vanished"),
    "BROKEN": Sign("?", "BROKEN", "bad", "the suite's own fault: could not be asked"),
    "TIMEOUT": Sign("◷", "TIMEOUT", "bad", "no answer in time"),
    "NA": Sign("·", "n/a", "none", "does not apply, or is asked of another strategy"),
}
#: As what cells are counted: of what is only recorded, both outcomes together.
TALLY = {
    "PASS": SIGNS["PASS"], "XFAIL": SIGNS["XFAIL"],
    "RECORD": Sign("◆", "recorded", "record", "recorded, no error either way"),
    **{k: SIGNS[k] for k in ("SKIP", "FAIL", "XPASS", "BROKEN", "TIMEOUT")},
}
BAD = ("FAIL", "XPASS", "BROKEN", "TIMEOUT")
#: Which round speaks for a cell of several.
RANK = {v: i for i, v in enumerate((*BAD, "SKIP", "XFAIL", "PASS", "NA"))}


class Cell:
    """One check of one strategy in one file; its rounds, of which the worst speaks."""

    def __init__(self, rounds: list[dict[str, Any]], why: str | None) -> None:
        self.rounds = rounds
        raw = min(rounds, key=lambda r: RANK[r["verdict"]])
        self.strategy: str = raw["strategy"]
        self.verdict: str = raw["verdict"]
        self.observed: str = raw["observed"]
        self.evidence: str = raw["evidence"]
        self.feature: str | None = raw["feature"]
        self.repeat: str = raw["repeat"]
        self.held_though = raw["expected"] == "fails" and self.verdict == "PASS"
        self.key = self.verdict
        if raw["expected"] == "record" and self.verdict == "PASS":
            self.key = "YES" if self.observed == "holds" else "NO"
        self.reason: str | None = raw["reason"]
        if self.verdict == "XFAIL":
            said = (self.reason or why or "").removeprefix("differs by design: ")
            self.reason = f"differs by design: {said or 'no reason given'}"

    @property
    def sign(self) -> Sign:
        return SIGNS[self.key]

    @property
    def counted_as(self) -> str:
        return "RECORD" if self.key in ("YES", "NO") else self.key

    @property
    def bad(self) -> bool:
        return self.verdict in BAD

    @property
    def applies(self) -> bool:
        return self.verdict != "NA"

    @property
    def flaky(self) -> bool:
        return len({(r["verdict"], r["observed"]) for r in self.rounds}) > 1

    @property
    def word(self) -> str:
        """'pass'; of rounds that disagree: 'FAIL 1 of 3'."""
        if not self.flaky:
            return self.sign.word
        same = sum(r["verdict"] == self.verdict for r in self.rounds)
        return f"{self.sign.word} {same} of {len(self.rounds)}"

    @property
    def said(self) -> str:
        """Everything beside the sign: feature, reason, evidence."""
        reason = (self.reason or "").removeprefix("n/a: ")
        if self.feature:  # which the writer's reason begins with
            reason = f"needs {self.feature}{reason.removeprefix(self.feature)}"
        return " · ".join(p for p in (reason, self.evidence) if p) or "no evidence"

    @property
    def outcome(self) -> tuple[str, str]:
        return self.verdict, self.observed


class Document:
    """One file: one kernel, one machine."""

    def __init__(self, raw: dict[str, Any], path: Path, label: str | None = None) -> None:
        self.path = path
        context = raw["context"]
        self.mark: dict[str, Any] = context["spawnmark"]
        self.date: str = context["date"]
        self.host: str = context["host_name"]
        self.environment: dict[str, Any] = self.mark["environment"]
        self.label = label or f"{self.host}, Linux {self.environment['kernel']}"
        self.incomplete: str | None = raw["incomplete"]
        self.groups: dict[str, str] = {g["name"]: g["title"] for g in raw["groups"]}
        self.checks: dict[str, dict[str, Any]] = {c["id"]: c for c in raw["checks"]}
        self.features: dict[str, dict[str, Any]] = {f["name"]: f for f in raw["features"]}
        self.strategies: list[dict[str, Any]] = sorted(
            raw["strategies"], key=lambda s: (s["foreign"], strategy_rank(s["name"])))
        self._refuse_strangers(raw["conformance"])
        self._raw_cells = raw["conformance"]

    def _refuse_strangers(self, cells: list[dict[str, Any]]) -> None:
        """What a schema cannot say: a cell names a check and a strategy of the same file."""
        names = {s["name"] for s in self.strategies}
        for i, cell in enumerate(cells):
            for key, known in (("check", self.checks), ("strategy", names)):
                if cell[key] not in known:
                    raise RunError(f"{self.path}: conformance/{i}: {key} '{cell[key]}' is not "
                                   "among those that the file lists")
        for name, c in self.checks.items():
            if c["group"] not in self.groups:
                raise RunError(f"{self.path}: checks: group '{c['group']}' of {name} is not "
                               "among those that the file lists")

    @cached_property
    def cells(self) -> dict[tuple[str, str], Cell]:
        """By check and strategy; what was never asked is not in it."""
        rounds = defaultdict(list)
        for raw in self._raw_cells:
            rounds[raw["check"], raw["strategy"]].append(raw)
        return {key: Cell(found, self.checks[key[0]]["why"]) for key, found in rounds.items()}

    def cell(self, check_id: str, strategy: str) -> Cell | None:
        return self.cells.get((check_id, strategy))


def load(path: Path, label: str | None = None) -> Document:
    """RunError names the file, the place and what is wrong, in one line."""
    raw = read_json(path, "a file of `spawnmark conform --json`", "spawnmark conform --json")
    try:
        schema = raw["context"]["spawnmark"]["schema"]
    except (KeyError, TypeError) as err:
        raise RunError(f"{path}: no context/spawnmark/schema; expected JSON as "
                       "`spawnmark conform --json` writes it") from err
    if schema != SCHEMA_NAME:
        raise RunError(f"{path}: schema '{schema}' is not known; expected '{SCHEMA_NAME}'")
    refuse(check(raw, str(path), SCHEMA))
    try:
        document = Document(raw, path, label)
        _ = document.cells
    except (KeyError, TypeError, ValueError) as err:
        raise RunError(f"{path}: not as `spawnmark conform --json` writes it: {err!r}") from err
    return document
