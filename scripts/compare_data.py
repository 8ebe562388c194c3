# SPDX-License-Identifier: MIT
"""A comparison for programs: JSON after compare.schema.json, and CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import units
from compare_tables import answer
from compared import Compared
from comparison import GOOD, REGRESSION, UNDECIDED, Comparison
from runfile import Run
from stats import LEVEL
from units import INSTRUCTIONS

SCHEMA = Path(__file__).resolve().with_name("compare.schema.json")
SCHEMA_NAME = "spawnmark-compare/1"
OUTCOMES = {GOOD: "no regression", REGRESSION: "regression", UNDECIDED: "undecided"}


def _run(label: str, run: Run) -> dict[str, Any]:
    return {"label": label, "folder": str(run.folder), "host": run.raw["context"]["host_name"],
            "kernel": run.environment["kernel"], "date": run.raw["context"]["date"],
            "version": run.mark["version"], "commit": run.mark["commit"],
            "fingerprint": run.mark["fingerprint"], "clock": run.clock, "quick": run.mark["quick"],
            "incomplete": run.incomplete is not None}


def _unit(c: Compared, clock: str) -> str:
    """ns is what the clock counts."""
    return INSTRUCTIONS if c.unit == "ns" and clock == INSTRUCTIONS else c.unit


def _result(c: Compared, clock: str) -> dict[str, Any]:
    v = c.verdict
    return {"case": c.case, "metric": c.metric, "unit": _unit(c, clock),
            "more_is_better": c.more_is_better, "primary": c.primary, "family": c.family,
            "base": c.base, "new": c.new,
            "ratio": v.ratio, "low": v.low, "high": v.high, "p": v.p,
            "tested_level": v.tested if c.family else None, "n_base": v.n_base, "n_new": v.n_new,
            "margin": c.margin, "verdict": v.word if c.judged else None,
            "more_blocks": v.more_blocks if c.judged else None,
            "noise": asdict(v.noise) if v.noise else None}


def _answer(comparison: Comparison) -> str:
    with units.counting(comparison.base.clock):
        return answer(comparison)


def document(comparison: Comparison) -> dict[str, Any]:
    """Everything, whether or not it is worth telling a person."""
    clock = comparison.base.clock
    against = [{"run": _run(a.label, a.run), "same_run": a.same,
                "plan": [asdict(d) for d in a.plan],
                "changes": [asdict(c) for c in a.changes],
                "cases_of_base_alone": a.alone[0], "cases_of_new_alone": a.alone[1],
                "results": [_result(c, clock) for c in comparison.cells if c.new_run == i]}
               for i, a in enumerate(comparison.against)]
    return {"schema": SCHEMA_NAME, "answer": _answer(comparison), "exit": comparison.exit,
            "outcome": OUTCOMES[comparison.exit], "paired": comparison.paired,
            "seed": comparison.seed, "level": LEVEL, "correction": "holm",
            "family": len(comparison.family), "margin_source": comparison.margins.source,
            "fail_on": [r.text for r in comparison.rules], "forced": bool(comparison.unlike),
            "base": _run(comparison.base_label, comparison.base),
            "baseline": comparison.base.baseline if comparison.paired else None,
            "fingerprint_differences": [{"name": d.name, "values": list(d.values)}
                                        for d in comparison.machines],
            "against": against}


def as_json(comparison: Comparison) -> str:
    return json.dumps(document(comparison), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(comparison: Comparison) -> str:
    """A row per case, metric and new run."""
    out, clock = io.StringIO(), comparison.base.clock
    rows = [{"new_run": comparison.against[c.new_run].label, **_result(c, clock)}
            for c in comparison.cells]
    writer = csv.DictWriter(out, list(rows[0]),
                            lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
