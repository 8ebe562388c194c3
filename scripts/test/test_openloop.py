# SPDX-License-Identifier: MIT
"""Capacity and schedules: golden answers that can be told by looking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openloop
import pytest
import runfile
from plots import arrivals, capacity
from sentence import sentence


def by_name(run: runfile.Run, name: str) -> runfile.Case:
    return run.by_name[name]


@pytest.mark.parametrize(("name", "text"), [
    ("zygote/none", "1600 [800, 3200]"), ("popen/none", "400 [200, 800]"),
    ("popen/python", "none"), ("zygote/python", "≤ 20.0"), ("forkserver/python", "≥ 320")])
def test_answers(run: runfile.Run, name: str, text: str) -> None:
    assert openloop.answer(by_name(run, f"capacity/{name}").raw["capacity"]) == text


def test_what_is_not_known_is_a_dash(golden: dict[str, Any], run: runfile.Run) -> None:
    told = by_name(run, "capacity/zygote/none").raw["capacity"]
    told.update(rate_per_cpu=None, relation=None, interval=[None, None])
    assert openloop.answer(told) == "–" and openloop.best(told) is None


def test_the_point_behind_the_answer(run: runfile.Run) -> None:
    told = by_name(run, "capacity/zygote/none").raw["capacity"]
    best = openloop.best(told)
    assert best and best["rate"] == 1600
    best["tries"] = 6  # held in half of them: not in most
    best = openloop.best(told)
    assert best and best["rate"] == 800
    best["p99"] = 11e6  # some of its tries were so bad that all together were over the bound
    best = openloop.best(told)
    assert best and best["rate"] == 400
    told = by_name(run, "capacity/popen/python").raw["capacity"]
    assert openloop.best(told) is None


def test_cells(run: runfile.Run) -> None:
    assert openloop.capacity_cells(by_name(run, "capacity/zygote/none")) == (
        "zygote", "none", "1600 [800, 3200]", "141 µs", "564 µs", "282 µs", "200 µs", "4")
    assert openloop.open_cells(by_name(run, "pool/zygote/none/arrivals=burst")) == (
        "zygote burst", "200", "burst of 16", "300", "423 µs [406, 440]", "2.12 ms", "846 µs",
        "200 µs", "0")


def test_sentence_leaves_controls_out(golden: dict[str, Any], run: runfile.Run) -> None:
    golden["cases"] = [c for c in golden["cases"] if c["kind"] == "capacity"]
    assert sentence(runfile.Run(golden, run.folder)) == (
        "Children per second and CPU with ready p99 ≤ 10.0 ms: zygote 1600 [800, 3200] (none), "
        "forkserver ≥ 320 (python (numpy, pandas, pyarrow)).")


def test_tables_in_the_summary(run: runfile.Run) -> None:
    text = openloop.markdown(run)
    assert "| zygote | none | 1600 [800, 3200] |" in text and "| burst of 16 |" in text
    assert all(line.count("|") in (9, 10) for line in text.splitlines() if line.startswith("|"))


def test_pictures_tell_the_answer(run: runfile.Run, tmp_path: Path) -> None:
    said = capacity.draw(run, tmp_path / "c")
    assert said and "zygote none: 1600 [800, 3200] children per second and CPU under 10.0 ms" in said
    said = arrivals.draw(run, tmp_path / "a")
    assert said and "zygote burst none at 200: p50 423 µs, p99 2.12 ms." in said


@pytest.mark.filterwarnings("error")
def test_pictures_of_few_points(golden: dict[str, Any], run: runfile.Run, tmp_path: Path) -> None:
    """One rate, and too few arrivals for a p99."""
    golden["cases"] = [c for c in golden["cases"] if c["name"] == "capacity/popen/python"]
    said = capacity.draw(runfile.Run(golden, run.folder), tmp_path / "c")
    assert said and "popen python: none children per second" in said


def test_a_run_without_any(golden: dict[str, Any], run: runfile.Run, tmp_path: Path) -> None:
    golden["cases"] = [c for c in golden["cases"] if c["kind"] not in ("open", "capacity")]
    bare = runfile.Run(golden, run.folder)
    assert openloop.markdown(bare) == "" and not openloop.capacity_lines(bare)
    assert capacity.draw(bare, tmp_path / "c") is None and arrivals.draw(bare, tmp_path / "a") is None
