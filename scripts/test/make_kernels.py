# SPDX-License-Identifier: MIT
"""What a run of scenarios/kernels.ini in a guest leaves, made from the golden run."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import make_conformance

Raw = dict[str, Any]

CLOCK = {"kind": "instructions",
         "note": "instructions under QEMU -icount, no cache misses, no time"}
#: Golden's section and scenario → that of kernels.ini.
SECTIONS = {("startup", "none"): "none", ("scale", "heap_mb"): "heap",
            ("sandbox", "layers"): "layers"}


def counted(raw: Raw) -> Raw:
    """The same file, of a clock that counts instructions."""
    made = copy.deepcopy(raw)
    made["context"]["spawnmark"]["clock"] = CLOCK
    return made


def _as_kernels(case: Raw, factor: float) -> Raw:
    made = copy.deepcopy(case)
    section = SECTIONS[case["scenario"], case["section"]]
    made.update(name="kernels" + case["name"][len(case["scenario"]):], scenario="kernels",
                section=section, floor=None)
    if section == "heap":
        made["params"]["heap_pages"] = "4k"
        made["name"] += "/heap_pages=4k"
    for m in made["metrics"].values():  # medians repeat
        value = round(m["p50"] * factor)
        m.update(p50=value, p50_ci=m["p50_ci"] and [value, value],
                 blocks=[value for _ in m["blocks"]])
    return made


def kernels(golden: Raw, host: str = "qemu-amd64", kernel: str = "6.1.0-49-amd64",
            factor: float = 1.0, machine: str = "x86_64", built: str = "#1 SMP PREEMPT_DYNAMIC"
            ) -> Raw:
    """A run of one kernel; everything takes `factor` times the golden run's."""
    made = counted(golden)
    made["context"]["host_name"] = host
    made["context"]["spawnmark"]["environment"].update(kernel=kernel, machine=machine,
                                                       kernel_version=built)
    made["cases"] = [_as_kernels(c, factor) for c in golden["cases"]
                     if (c["scenario"], c["section"]) in SECTIONS
                     and "METER" not in c["traits"]]
    made["isolation"], made["shared_bits"] = [], []
    made["attached"] = {}
    return made


def conformance(run: Raw) -> Raw:
    """As `spawnmark conform --json` in the same guest, with probes of what kernels differ in."""
    context = run["context"]
    environment = context["spawnmark"]["environment"]
    raw = make_conformance.conformance(environment, context["host_name"], environment["kernel"])
    raw["features"] += [{**make_conformance.feature(name, "present", None, "seen"), "since": since}
                        for name, since in (("mseal", "Linux 6.10"),
                                            ("memfd-secret", "Linux 5.14"),
                                            ("new-one", "Linux 6.7"), ("odd-one", ""))]
    return raw


def put(run: Raw, folder: Path, checks: Raw | None = None) -> Path:
    """run.json, and conformance.json beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    if checks:
        (folder / "conformance.json").write_text(json.dumps(checks), encoding="utf-8")
    return folder
