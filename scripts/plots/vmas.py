# SPDX-License-Identifier: MIT
"""Ready latency against the number of mappings of the process that is cloned."""

from __future__ import annotations

from pathlib import Path

from plots import curve
from runfile import Run


def draw(run: Run, out: Path) -> str | None:
    """heap_*: the server's; ballast_*: the parent's."""
    return curve.draw(run, out, ("heap_vmas", "ballast_vmas"), "mappings", "mapping")
