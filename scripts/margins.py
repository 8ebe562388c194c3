# SPDX-License-Identifier: MIT
"""The margin of a verdict: 2 %, or what this machine cannot tell from itself, if that is more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runfile import Run, RunError, read_json
from units import INSTRUCTIONS
from verdicts import MARGIN

RESULTS = Path(__file__).resolve().parent.parent / "results"
#: As `make selfcheck` leaves it, and as it is kept in the repository.
PATTERNS = ("selfcheck-*/selfcheck.json", "reference-selfcheck-*/selfcheck.json.gz")
#: Boots of the same inputs are alike to the instruction. But two kernels are no such boots: whatever
#: differs before a spawn moves the ticks of the clock within it, and medians of few spawns by some 5 %.
COUNTED = 0.05


@dataclass(frozen=True)
class Margins:
    """A margin per metric, and where they are from."""

    floor: dict[str, float]
    source: str
    fixed: float | None = None

    @property
    def told(self) -> str:
        """With its size where it is one for all."""
        return f"{100 * self.fixed:g} %, {self.source}" if self.fixed is not None else self.source

    def of(self, metric: str) -> float:
        return self.fixed if self.fixed is not None else max(MARGIN, self.floor.get(metric, 0.0))


def _stamp(path: Path) -> str:
    """The folder's name ends in when it was made: selfcheck-HOST-20261126T120000Z."""
    return path.parent.name.rpartition("-")[2]


def _read(path: Path) -> dict[str, Any] | None:
    """None of a file that is no selfcheck: a margin falls back, a comparison does not fail."""
    try:
        raw = read_json(path)
    except RunError:
        return None
    return raw if isinstance(raw, dict) and isinstance(raw.get("floor"), dict) else None


def newest(fingerprint: str, places: list[Path]) -> tuple[Path, dict[str, Any]] | None:
    """The newest selfcheck of a machine in any of these folders."""
    files = {f.resolve() for place in places for pattern in PATTERNS for f in place.glob(pattern)}
    for path in sorted(files, key=_stamp, reverse=True):
        raw = _read(path)
        if raw and raw.get("fingerprint") == fingerprint:
            return path, raw
    return None


def _floors(raw: dict[str, Any], paired: bool) -> dict[str, float]:
    """Of pairs, or of separate runs, which differ by more; empty: none to be relied on."""
    known = raw["floor"]
    if known and not paired:
        between = raw.get("between")
        more = between.get("floor", {}) if isinstance(between, dict) else {}
        known = {m: max(v, more.get(m, 0.0)) for m, v in known.items()}
    return {m: float(v) for m, v in known.items() if isinstance(v, (int, float))}


def margins(runs: list[Run], fixed: float | None) -> Margins:
    """fixed: as the user said; else of the selfchecks of all machines the larger.

    One run alone is one of pairs.
    """
    if fixed is not None:
        return Margins({}, "as asked for", fixed)
    if all(run.clock == INSTRUCTIONS for run in runs):
        return Margins({}, "that of counted instructions: ticks fall otherwise in another kernel", COUNTED)
    places = [*dict.fromkeys(run.folder.parent for run in runs), RESULTS]
    floor: dict[str, float] = {}
    used = []
    for fingerprint in dict.fromkeys(run.mark["fingerprint"] for run in runs):
        found = newest(fingerprint, places)
        if found:
            used.append(found[0].parent.name)
            for metric, value in _floors(found[1], len(runs) == 1).items():
                floor[metric] = max(floor.get(metric, 0.0), value)
    source = f"the larger of 2 % and the floor that {', '.join(used)} found" if used else \
        "the default; no selfcheck of this machine is there to tell its floor (make selfcheck)"
    return Margins(floor, source)
