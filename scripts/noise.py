# SPDX-License-Identifier: MIT
"""What disturbed a run, by the meters that the driver keeps outside of what is measured."""

from __future__ import annotations

from typing import Any

from runfile import Run

#: The driver's names of bounds, as a reader knows them.
CAUSES = {"steal": "steal", "others": "other processes", "psi": "CPU pressure",
          "clock": "low clock"}


def _by_cause(noise: dict[str, Any], what: str) -> str:
    found = {CAUSES.get(name, name): n[what] for name, n in noise["reasons"].items() if n[what]}
    return found and ": " + ", ".join(f"{cause} {n}" if len(found) > 1 else cause
                                      for cause, n in found.items()) or ""


def line(run: Run) -> str | None:
    """'2 of 180 blocks re-run: steal'. None: nothing was disturbed, or the file is of old."""
    noise = run.mark.get("noise")
    if not noise:
        return None
    blocks, rerun, used = noise["blocks"], noise["rerun"], noise["noisy_used"]
    said = [f"{rerun} of {blocks} blocks re-run{_by_cause(noise, 'rerun')}"] if rerun else []
    if used:
        said.append(f"{used} of {blocks} noisy but used{_by_cause(noise, 'used')}")
    return "; ".join(said) or None
