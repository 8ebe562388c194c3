#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""In spawnmark's place: `run FILE … -o DIR` writes a run of pairs whose truth is known.

FAKE_SD: scatter of log block medians; FAKE_BIAS: the new side is so much slower though nothing was
planted; FAKE_LOADED: a file, and while it is there most blocks begin in a crowd; FAKE_DEAF: delays have no effect; FAKE_STATUS: fails so; FAKE_WAIT: seconds a run takes.
"""

from __future__ import annotations

import configparser
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

LEVELS = {"none": 90_000.0, "heap": 210_000.0, "python": 2_000_000.0}
METRICS = {"created": 1.4, "entered": 0.8, "ready": 1.0, "worked": 1.0, "reaped": 1.5}


def setting(name: str) -> float:
    return float(os.environ.get(f"FAKE_{name}", "0"))


def runnable(at: int) -> int:
    """Tasks in the queue before a block of a machine of two CPUs: of three blocks a crowd in two."""
    return 5 if at % 3 and os.path.exists(os.environ.get("FAKE_LOADED", "")) else 4


def case(name: str, side: str, section: configparser.SectionProxy, rng: random.Random,
         shared: list[float]) -> dict[str, Any]:
    delay = section.get("delay", "0")
    ns = float(delay.removesuffix("ns")) if side == "new" and not setting("DEAF") else 0.0
    bias = 1 + setting("BIAS") if side == "new" else 1.0
    level = LEVELS[section["payload"]]
    values = [(level * bias + ns) * s * rng.lognormvariate(0, setting("SD")) for s in shared]
    return {"name": name if side == "new" else f"{name}@base", "side": side,
            "strategy": name.split("/")[1], "payload": section["payload"],
            "params": {"delay": delay} if side == "new" and "delay" in section else {},
            "blocks": [{"index": i, "noisy": None, "noise": {"runnable_tasks": runnable(i)}}
                       for i in range(len(values))],
            "metrics": {m: {"blocks": [v * f for v in values]} for m, f in METRICS.items()}}


def main(argv: list[str]) -> int:
    words = dict(zip(argv[1::1], argv[2::1]))
    if setting("STATUS"):
        print("the fake fails", file=sys.stderr)
        return int(setting("STATUS"))
    time.sleep(setting("WAIT"))
    ini = configparser.ConfigParser(default_section="global")
    ini.read(argv[1], encoding="utf-8")
    rng = random.Random(words["--seed"])
    cases = []
    for section in (ini[s] for s in ini.sections()):
        shared = [rng.lognormvariate(0, 0.05) for _ in range(section.getint("blocks"))]
        for strategy in section["strategy"].split(", "):
            name = "/".join(["selfcheck", strategy, section["payload"],
                             *([f"delay={section['delay']}"] if "delay" in section else [])])
            cases += [case(name, side, section, rng, shared) for side in ("new", "base")]
    mark = {"version": "0", "fingerprint": "0" * 16, "environment": {"kernel": "6.18"}}
    context = {"num_cpus": 2, "date": "2026-11-26T00:00:00+00:00", "spawnmark": mark}
    out = Path(words["-o"])
    out.mkdir(exist_ok=True)
    (out / "run.json").write_text(json.dumps({"context": context, "cases": cases}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
