# SPDX-License-Identifier: MIT
"""How the machines of several runs differ: what a reader must know before any ratio."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import units
from runfile import Run

#: Of the environment, what differs between any two runs and is no property of the machine.
FLEETING = ("psi_cpu_some_avg10", "steal_ns", "uptime_s")
#: Of context and its spawnmark: the suite itself, and what no probe of the environment has.
CONTEXT = ("host_name", "num_cpus", "cpu_scaling_enabled", "aslr_enabled", "library_build_type")
MARK = ("version", "commit")
#: Memory as the kernel counts it varies a little from boot to boot, and so does a nominal clock.
NEARLY = {"mem_total_bytes": 0.01, "mhz_per_cpu": 0.02}
#: A calibrated cost differs when it differs by so much: below, it is noise.
CALIBRATION = 0.10
ABSENT = "–"


@dataclass(frozen=True)
class Difference:
    """One property with its value in every run."""

    name: str
    values: tuple[str, ...]


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield name, value
        return
    for key, inner in value.items():
        yield from _flat(f"{name}.{key}", inner)


def _properties(run: Run) -> dict[str, Any]:
    """What is compared as it stands."""
    made = {k: run.raw["context"][k] for k in (*CONTEXT, "mhz_per_cpu")}
    made |= {f"spawnmark {k}": run.mark[k] for k in MARK}
    for name, value in run.environment.items():
        if name not in FLEETING:
            made.update(_flat(name, value))
    return made


def _calibration(run: Run) -> dict[str, Any]:
    return {c["name"]: c["p50"] for c in run.mark["calibration"]}


def _alike(values: list[Any], tolerance: float | None) -> bool:
    if tolerance is not None and all(isinstance(v, (int, float)) for v in values):
        return max(values) <= min(values) * (1 + tolerance)
    return all(v == values[0] for v in values)


def _told(name: str, value: Any) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, float) and name.endswith("_ns"):
        return units.time(value)
    if name.endswith("_bytes"):
        return units.size(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _different(tables: list[dict[str, Any]], tolerance: dict[str, float]) -> list[Difference]:
    names = dict.fromkeys(name for table in tables for name in table)
    found = {name: [table.get(name) for table in tables] for name in names}
    return [Difference(name, tuple(_told(name, v) for v in values))
            for name, values in found.items() if not _alike(values, tolerance.get(name))]


def differences(runs: list[Run]) -> list[Difference]:
    """What the runs do not share, settings first, then costs that were calibrated."""
    costs = [_calibration(run) for run in runs]
    tolerance = {name: CALIBRATION for table in costs for name in table}
    return _different([_properties(run) for run in runs], NEARLY) + _different(costs, tolerance)


def same(runs: list[Run]) -> bool:
    """The same kernel, CPU, libc and settings, as the writer's fingerprint has them."""
    return len({run.mark["fingerprint"] for run in runs}) == 1
