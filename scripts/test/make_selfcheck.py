# SPDX-License-Identifier: MIT
"""A selfcheck.json as selfcheck.py writes it: 120 comparisons of nothing, 60 of each slow-down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIZES = (0.02, 0.05, 0.10)
METRICS = ("created", "ready", "worked")


def share(k: int, n: int) -> dict[str, Any]:
    return {"k": k, "n": n, "share": k / n, "lower": max(0.0, k / n - 0.03), "upper": min(1.0, k / n + 0.03)}


def words(**counts: int) -> dict[str, int]:
    return {"faster": 0, "slower": 0, "equivalent": 0, "inconclusive": 0, **counts}


def trial(i: int, n: int, size: float, word: str) -> dict[str, Any]:
    """Ratios spread evenly by ± 1.5 % around the truth."""
    ratio = (1 + size) * (1 + 0.03 * ((i + 0.5) / n - 0.5))
    return {"run": i, "case": "selfcheck/zygote3/none", "metric": "ready", "size": size,
            "delay_ns": round(size * 1e5), "truth": 1 + size, "ratio": ratio, "low": ratio - 0.012,
            "high": ratio + 0.012, "pairs": 24, "word": word}


def itself(n: int) -> dict[str, Any]:
    return {"words": words(equivalent=n - 12, inconclusive=10, faster=1, slower=1),
            "floor": {m: 0.0145 for m in METRICS}, "false": {m: share(2, n) for m in METRICS},
            "by_case": {"selfcheck/zygote3/none": share(2, n)}}


def selfcheck(fingerprint: str) -> dict[str, Any]:
    nothing = [trial(i, 120, 0.0, "faster" if i == 0 else "slower" if i == 119 else
                     "inconclusive" if i < 6 or i > 114 else "equivalent") for i in range(120)]
    planted = [trial(i, 60, s, "slower" if s > 0.02 else "inconclusive") for s in SIZES
               for i in range(60)]
    mini = {"blocks": 24, "samples": 10, "warmup": 2}
    return {
        "schema": "spawnmark-selfcheck/1", "version": "0.1.0", "fingerprint": fingerprint,
        "host": "vm", "kernel": "6.18.44", "cpus": 2, "date": "2026-11-26T00:00:00+00:00",
        "seconds": 2100, "quick": False, "cut_short": False,
        "plan": {"margin": 0.02, "metric": "ready", "runs": {"main": 30}, "main": mini,
                 "python": mini, "failed_runs": []},
        "floor": {m: 0.0145 for m in METRICS}, "aa": itself(120), "python": itself(60),
        "between": itself(60),
        "injected": [{"size": s, "words": words(slower=60) if s > 0.02 else words(inconclusive=60),
                      "found": share(60 if s > 0.02 else 0, 60), "covered": share(57, 60),
                      "ratio_over_truth": 1.0} for s in SIZES],
        "load": {"wrong": share(0, 60), "inconclusive": share(50, 60),
                 "words": words(inconclusive=50, equivalent=10),
                 "aa": words(inconclusive=25, equivalent=5),
                 "planted": words(inconclusive=25, slower=5)},
        "claims": [{"text": "A/A: at most 5 %", "seen": "2 of 120", "verdict": "met"},
                   {"text": "planted 5 %: found", "seen": "60 of 60", "verdict": "met"}],
        "comparisons": {"aa": nothing, "python": [], "injected": planted, "load": []}}


def write_beside(folder: Path, fingerprint: str) -> Path:
    """Where compare and the report look for it: in the folder that results folders are in."""
    made = folder.parent / "selfcheck-vm-20261126T000000Z"
    made.mkdir(parents=True, exist_ok=True)
    file = made / "selfcheck.json"
    file.write_text(json.dumps(selfcheck(fingerprint)), encoding="utf-8")
    return file
