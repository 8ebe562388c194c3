# SPDX-License-Identifier: MIT
"""The schema accepts what may be, and refuses what may not."""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import runfile
from conftest import SCRIPTS

Damage = Callable[[dict[str, Any]], Any]


def test_golden_is_valid(golden: dict[str, Any]) -> None:
    assert runfile.check(golden) == []


def empty_sections(run: dict[str, Any]) -> None:
    run.update(benchmarks=[], cases=[], isolation=[], shared_bits=[], attached={})


def nulls(run: dict[str, Any]) -> None:
    """null everywhere that a number may be unknown."""
    case = run["cases"][0]
    case.update(target=None, image=None, floor=None, ecdf=None, timeline=None, cpu=None,
                noise=None, label=None, summary=None)
    for key, value in case["metrics"]["ready"].items():
        if key not in ("unit", "n", "blocks"):
            case["metrics"]["ready"][key] = None if value is not None else value
    case["metrics"]["ready"]["blocks"] = [None] * 12
    case["metrics"]["worked"] = None


ALLOWED: list[Damage] = [
    empty_sections, nulls,
    lambda run: run.update(incomplete={"reason": "interrupted", "blocks_done": 1,
                                       "blocks_planned": 12}),
    lambda run: run["context"]["spawnmark"].update(finished=None),
]
REFUSED: list[tuple[Damage, str]] = [
    (lambda run: run.pop("isolation"), "isolation"),
    (lambda run: run.update(extra=1), "extra"),
    (lambda run: run["cases"][0].pop("floor"), "floor"),
    (lambda run: run["cases"][0].update(status="fine"), "fine"),
    (lambda run: run["cases"][0]["metrics"].update(startup=None), "startup"),
    (lambda run: run["cases"][0]["metrics"]["ready"].update(p50="1"), "p50"),
    (lambda run: run["cases"][0]["metrics"]["ready"].update(unit="us"), "ns"),
    (lambda run: run["cases"][0]["ecdf"].update(ready=[1.0] * 201), "long"),
    (lambda run: run["isolation"][0].update(outcome="maybe"), "maybe"),
    (lambda run: run["context"]["spawnmark"].update(fingerprint="XYZ"), "XYZ"),
    (lambda run: run["benchmarks"][0].update(time_unit="ms"), "ns"),
]


@pytest.mark.parametrize("change", ALLOWED)
def test_allowed(golden: dict[str, Any], change: Damage) -> None:
    change(golden)
    assert runfile.check(golden) == []


@pytest.mark.parametrize(("change", "word"), REFUSED)
def test_refused(golden: dict[str, Any], change: Damage, word: str) -> None:
    change(golden)
    faults = runfile.check(golden)
    assert faults and word in faults[0]


def check_schema(*files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPTS / "check_schema.py"), *map(str, files)],
                          capture_output=True, text=True, timeout=60, check=False)


def test_exit_codes(folder: Path, tmp_path: Path) -> None:
    good = folder / "run.json"
    assert check_schema(good).returncode == 0
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"context": {}}))
    told = check_schema(good, wrong)
    assert told.returncode == 1 and str(wrong) in told.stdout
    assert check_schema(tmp_path / "none.json").returncode == 2
    assert check_schema().returncode == 2


def test_nan_is_refused(tmp_path: Path) -> None:
    """json.dumps writes NaN by default; nothing else reads it."""
    file = tmp_path / "nan.json"
    file.write_text('{"context": NaN}')
    told = check_schema(file)
    assert told.returncode == 2 and "NaN" in told.stderr


def test_rows_join_scenarios_of_the_same_work() -> None:
    """Latency, throughput and memory stand in one row of the summary: what a child does is one."""
    works = set()
    for name in ("startup", "throughput", "memory"):
        text = (SCRIPTS.parent / "scenarios" / f"{name}.ini").read_text(encoding="utf-8")
        found = configparser.ConfigParser(interpolation=None, strict=True)
        found.read_string(text)
        works |= {(s["work"], s["check"]) for s in found.values() if s.get("payload") == "python"}
    assert len(works) == 1
