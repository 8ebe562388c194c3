# SPDX-License-Identifier: MIT
"""Blocks that were measured again: said on the screen and on the page, and in no figure."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import noise
import page
import pytest
import runfile
import summary
import units

Damage = Callable[[dict[str, Any]], Any]

METERED = {"wall_ns": 10_000_000, "cpus": 1, "steal_share": 0.15, "others_ns": None,
           "psi_some_ns": None, "psi_some_avg10_percent": None, "clock_khz": None, "load1": 1.5,
           "runnable_tasks": 3}


def disturb(run: dict[str, Any]) -> dict[str, Any]:
    """Block 2 of a case was measured again, and found ten times as much when it was noisy."""
    case: dict[str, Any] = next(c for c in run["cases"] if c["name"] == "startup/zygote/python")
    block = case["blocks"][2]
    old = copy.deepcopy(block) | {
        "noise": METERED, "noisy": "steal 14 % > 10 %", "rerun_of": None, "superseded": True,
        "medians": {"ready": 10 * case["metrics"]["ready"]["blocks"][2]}, "loads": []}
    block.update(order=400, noise=METERED | {"clock_khz": {"min": 2e6, "mean": 2.5e6, "max": 3e6}},
                 noisy=None, rerun_of=old["order"])
    case["superseded"] = [old]
    case["bounds"] = {"steal_percent": 10, "others_percent": 25, "psi_percent": None,
                      "clock_percent": None, "reruns": 2}
    run["context"]["spawnmark"]["noise"] = {
        "blocks": 180, "rerun": 2, "rerun_most": 18, "noisy_used": 0,
        "reasons": {"steal": {"rerun": 2, "used": 0}}}
    return case


def test_schema(golden: dict[str, Any]) -> None:
    disturb(golden)
    assert runfile.check(golden) == []


@pytest.mark.parametrize(("change", "word"), [
    (lambda c: c["superseded"][0].pop("superseded"), "superseded"),
    (lambda c: c["superseded"][0].update(loud=1), "loud"),
    (lambda c: c["blocks"][0].update(noise={"wall_ns": 1}), "cpus"),
    (lambda c: c["bounds"].update(steal_percent=0), "steal_percent"),
])
def test_schema_refuses(golden: dict[str, Any], change: Damage, word: str) -> None:
    change(disturb(golden))
    faults = runfile.check(golden)
    assert faults and word in faults[0]


def test_line(golden: dict[str, Any], run: runfile.Run) -> None:
    assert noise.line(run) is None  # a file from before there were bounds
    disturb(golden)
    assert noise.line(run) == "2 of 180 blocks re-run: steal"
    told = golden["context"]["spawnmark"]["noise"]
    told.update(noisy_used=7, reasons={"steal": {"rerun": 1, "used": 0},
                                       "others": {"rerun": 1, "used": 7}})
    assert noise.line(run) == ("2 of 180 blocks re-run: steal 1, other processes 1; "
                               "7 of 180 noisy but used: other processes")
    told.update(rerun=0, noisy_used=0, reasons={})
    assert noise.line(run) is None


def test_it_is_told(golden: dict[str, Any], folder: Path) -> None:
    disturb(golden)
    (folder / "run.json").write_text(json.dumps(golden))
    run = runfile.load(folder)
    lines = summary.summary(run).splitlines()
    assert len([l for l in lines if "2 of 180 blocks re-run: steal" in l]) == 1
    assert len(lines) <= summary.HEIGHT and max(map(len, lines)) <= summary.WIDTH
    assert "2 of 180 blocks re-run: steal" in page.page(run, {})


def test_what_was_measured_again_is_shown(golden: dict[str, Any], folder: Path) -> None:
    """Both visits, and why; of one that was made twice again, each with the next."""
    case = disturb(golden)
    [first] = case["superseded"]
    second = copy.deepcopy(first) | {"order": 399, "rerun_of": first["order"], "noisy": None,
                                     "medians": {"ready": None, "reaped": 7e6}}
    case["superseded"].append(second)
    case["blocks"][2]["rerun_of"] = 399
    run = runfile.Run(golden, folder)
    rows = noise.again(run)
    counted = units.time(case["metrics"]["ready"]["blocks"][2])
    earlier = units.time(first["medians"]["ready"])
    assert [(r.case, r.block, r.reason, r.what, r.first, r.second, r.counts) for r in rows] == [
        ("startup/zygote/python", 2, "steal 14 % > 10 %", "ready", earlier, "–", False),
        ("startup/zygote/python", 2, noise.TWIN, "ready", "–", counted, True)]
    html = page.page(run, {})
    assert re.search(r"<details><summary>What was measured again, and what it found: 2 visits", html)
    assert f"<td class=\"text\">steal 14 % &gt; 10 %</td>" in html and f"<td>{counted}</td>" in html
    assert "2 of 180 blocks re-run: steal." in html


def test_points_of_a_throughput_block_are_shown(whole: runfile.Run) -> None:
    case, point = next((c, p) for c in whole.cases for p in c.raw["throughput"] if p.get("blocks"))
    index = point["blocks"][0]["index"]
    old = {"index": index, "order": 5, "noisy": "others' CPU time 30 % > 25 %", "rerun_of": None,
           "superseded": True, "medians": {}, "loads": [
               {"cpus": point["cpus"], "in_flight": point["in_flight"], "children_per_cpu_s": 41.5}]}
    case.raw["superseded"] = [old]
    case.raw["blocks"] = [{"index": index, "order": 900, "rerun_of": 5}]
    [row] = [r for r in noise.again(whole) if r.first != "–"]
    assert (row.first, row.second) == ("41.5", units.number(point["blocks"][0]["children_per_cpu_s"]))
    assert row.what == f"children/CPU·s, {point['cpus']} CPU, {point['in_flight']} in flight"


def test_nothing_was_disturbed(golden: dict[str, Any], run: runfile.Run) -> None:
    assert noise.again(run) == [] and "before there were bounds" in noise.told(run)
    disturb(golden)["superseded"] = []
    golden["context"]["spawnmark"]["noise"].update(rerun=0, reasons={})
    assert noise.told(run) == "No block was over a bound."
    assert "What was measured again" not in page.page(run, {})


def test_it_is_in_no_figure(golden: dict[str, Any], run: runfile.Run) -> None:
    before = run.by_name["startup/zygote/python"].metric("ready")
    disturb(golden)
    assert runfile.Run(golden, run.folder).by_name["startup/zygote/python"].metric("ready") == before
