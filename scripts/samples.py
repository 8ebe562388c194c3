# SPDX-License-Identifier: MIT
"""samples.bin.gz: every spawn of a run, exact. results/README.md has its format.

The one file beside run.json that scripts read, and only to export: run.json stays enough for
every report.
"""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from runfile import Case, Metric, RunError

NAME, FORMAT = "samples.bin.gz", "spawnmark-samples/1"
NOT_COUNTED = 1 | 2  # warm-up, failed
#: Of metrics that do not begin at the request.
BEGINS = {"teardown": "recorded_ns"}
ENDS = {"teardown": "reaped_ns"}


class Samples:
    """Rows of a file, by case."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with gzip.open(path) as file:
                head = json.loads(file.readline())
                self._refuse_other(head)
                rows = np.frombuffer(file.read(), dtype=[tuple(f) for f in head["fields"]])
        except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error) as err:
            raise RunError(f"{path}: {err}; expected samples as `spawnmark run` writes them"
                           ) from err
        if len(rows) != head["rows"]:
            raise RunError(f"{path}: {len(rows)} rows, expected {head['rows']}")
        self._number = {name: i for i, name in enumerate(head["cases"])}
        self._rows = rows[np.argsort(rows["case"], kind="stable")]
        self._starts = np.searchsorted(self._rows["case"], np.arange(len(self._number) + 1))

    def _refuse_other(self, head: dict[str, Any]) -> None:
        if head["format"] != FORMAT:
            raise RunError(f"{self.path}: format {head['format']}, this spawnmark reads {FORMAT}: "
                           "use the spawnmark that wrote it, or a newer one")

    def _counted(self, case: str) -> np.ndarray:
        """Rows of its spawns that count."""
        number = self._number.get(case)
        if number is None:
            raise RunError(f"{self.path}: has no case {case}: it is of another run")
        rows = self._rows[self._starts[number]:self._starts[number + 1]]
        return rows[(rows["flags"] & NOT_COUNTED) == 0]

    def spans(self, case: Case, metric: Metric) -> np.ndarray:
        """ns, ascending: what the metric's pooled figures in run.json were made from."""
        rows = self._counted(case.name)
        rows = rows[np.isin(rows["order"], [b["order"] for b in case.raw["blocks"]])]
        end = rows[ENDS.get(metric.name, f"{metric.name}_ns")]
        begin = rows[BEGINS.get(metric.name, "request_ns")]
        if metric.name not in BEGINS:  # of an open loop, from its place in the schedule
            begin = np.where(rows["intended_ns"] > 0, rows["intended_ns"], begin)
        spans = np.maximum(end - begin, 0)[(begin > 0) & (end > 0)]
        if len(spans) != metric.n:
            raise RunError(f"{self.path}: {len(spans)} samples of {case.name}/{metric.name}, "
                           f"run.json counts {metric.n}: it is of another run")
        return np.sort(spans)

    def between(self, case: str, begin: str, end: str) -> np.ndarray:
        """ns from one instant to another of each spawn that counts and has both, in no order."""
        rows = self._counted(case)
        rows = rows[(rows[f"{begin}_ns"] > 0) & (rows[f"{end}_ns"] > 0)]
        return rows[f"{end}_ns"] - rows[f"{begin}_ns"]


def beside(folder: Path) -> Samples | None:
    """Of a results folder; None: it was not kept."""
    path = folder / NAME
    return Samples(path) if path.exists() else None
