#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A small conformance.json with every verdict in it. As a program: prints it."""

from __future__ import annotations

import json
import sys
from typing import Any

STRATEGIES = ("popen", "fork", "zygote")
#: What a cell is, by its verdict: expected, observed.
SHAPES = {"PASS": ("holds", "holds"), "XFAIL": ("fails", "fails"), "FAIL": ("holds", "fails"),
          "XPASS": ("fails", "holds"), "SKIP": ("holds", "skip"), "BROKEN": ("holds", "broken"),
          "TIMEOUT": ("holds", "timeout"), "NA": ("holds", "none"), "YES": ("record", "holds"),
          "NO": ("record", "fails")}
#: Evidence that HTML and Markdown would take for their own.
HOSTILE = "saw <script>alert('x')</script> | `a|b` *and* [c](d) & \\ on\ntwo lines"
CLONED = "the child is a clone of the parent"

#: id, level, needs, why, alone, verdict by strategy ("-": not run).
CHECKS = (
    ("identity.ppid.parent", "MUST", [], None, False, "PASS PASS PASS"),
    ("identity.exe", "MUST", [], CLONED, False, "PASS XFAIL XFAIL"),
    ("identity.clone3.einval", "RECORD", ["clone3"], None, True, "YES NA NA"),
    ("exit.core", "MUST", [], None, False, "PASS PASS FAIL"),
    ("exit.burst", "SHOULD", [], None, False, "TIMEOUT PASS BROKEN"),
    ("exit.rusage", "RECORD", [], None, False, "NO YES -"),
    ("signals.reset", "SHOULD", ["clear_sighand"], None, False, "SKIP SKIP SKIP"),
    ("signals.mask", "MUST", [], CLONED, False, "PASS XPASS PASS"),
)
GROUPS = {"identity": "Identity and parentage", "exit": "Exit status and waiting",
          "signals": "Signals"}


def feature(name: str, presence: str, errno: str | None, text: str) -> dict[str, Any]:
    return {"name": name, "row": "M01", "since": "Linux 5.3", "source": "clone(2)",
            "what": f"what {name} is", "presence": presence, "errno": errno, "text": text}


def check(at: int) -> dict[str, Any]:
    name, level, needs, why, alone, _ = CHECKS[at]
    return {"id": name, "row": f"A{at + 1:02}", "group": name.partition(".")[0],
            "claim": f"what {name} claims is so", "level": level,
            "source": f"clone(2); linux:kernel/fork.c:{at}", "needs": needs, "why": why,
            "alone": alone, "slow": False}


def cell(check_id: str, strategy: str, kind: str, why: str | None = None, round_no: int = 0
         ) -> dict[str, Any]:
    """A cell of kind (a key of SHAPES)."""
    expected, observed = SHAPES[kind]
    escaped = check_id.replace(".", "\\.")
    reasons = {"XFAIL": why, "SKIP": "clear_sighand: refused", "NA": "n/a: only for SERVER"}
    return {"check": check_id, "strategy": strategy, "round": round_no, "expected": expected,
            "observed": observed, "verdict": "PASS" if kind in ("YES", "NO") else kind,
            "feature": "clear_sighand" if kind == "SKIP" else None, "reason": reasons.get(kind),
            "evidence": f"{check_id} of {strategy} showed: {observed}", "took_ns": 1200000,
            "repeat": f"build/spawnmark conform --strategy {strategy} --only '^{escaped}$'"}


def cells() -> list[dict[str, Any]]:
    found = []
    for name, _, _, why, _, kinds in CHECKS:
        found += [cell(name, s, k, why) for s, k in zip(STRATEGIES, kinds.split()) if k != "-"]
    found[[c["verdict"] for c in found].index("FAIL")]["evidence"] = HOSTILE
    return found


def counts(found: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    return {s: {v: sum((c["strategy"], c["verdict"]) == (s, v) for c in found)
                for v in ("PASS", "FAIL", "XFAIL", "XPASS", "SKIP", "BROKEN", "TIMEOUT", "NA")}
            for s in STRATEGIES}


def conformance(environment: dict[str, Any], host: str = "vm", kernel: str = "6.18.44"
                ) -> dict[str, Any]:
    """The document; environment as that of run.json."""
    found = cells()
    mark = {"schema": "conformance-1", "version": "0.2.0", "seed": 42,
            "command": ["build/spawnmark", "conform"], "thorough": False, "uid": 0,
            "environment": environment | {"kernel": kernel}}
    return {"context": {"date": "2026-11-25T19:00:00Z", "host_name": host, "spawnmark": mark},
            "features": [feature("clone3", "present", None, "E2BIG for size 4096"),
                         feature("clear_sighand", "missing", "EINVAL", "refused <b>|</b>"),
                         feature("pidfd_open", "unknown", None, "the probe hung")],
            "groups": [{"name": n, "title": t} for n, t in GROUPS.items()],
            "checks": [check(i) for i in range(len(CHECKS))],
            "strategies": [{"name": s, "summary": f"how {s} does it", "traits": [],
                            "foreign": False} for s in STRATEGIES],
            "conformance": found, "counts": counts(found), "incomplete": None}


if __name__ == "__main__":
    import make_golden

    json.dump(conformance(make_golden.golden()["context"]["spawnmark"]["environment"]),
              sys.stdout, indent=1)
