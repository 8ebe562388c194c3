# SPDX-License-Identifier: MIT
"""The selfcheck of the machine that a run is of: how often its verdicts are wrong."""

from __future__ import annotations

from typing import Any

from margins import RESULTS, newest
from runfile import Run

SCHEMA = "spawnmark-selfcheck/1"
ABSENT = ("No selfcheck of this machine is there: `make selfcheck` (at most 40 minutes) tells how "
          "often its verdicts are wrong, and the least difference that it can see.")


def selfcheck_of(run: Run) -> dict[str, Any] | None:
    """The newest beside the run's folder or in results/; None: there is none that can be read."""
    found = newest(run.mark["fingerprint"], [run.folder.parent, RESULTS])
    return found[1] if found and found[1].get("schema") == SCHEMA else None


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"


def share(of: dict[str, Any]) -> str:
    """'3 of 208, at most 3.7 %'."""
    return f"{of['k']} of {of['n']}, at most {percent(of['upper'])}"
