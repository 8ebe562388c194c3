# SPDX-License-Identifier: MIT
"""A run.json of long ago is read; one of a later spawnmark is refused in one line, by all."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import SCRIPTS

import runfile

#: Written by version 0.1.0 as of commit dc7f99d58a95, and cut down to a few cases: kept as it is.
OLD = Path(__file__).resolve().parent / "data" / "run-schema-1.json"
RUN = "RUN"
#: What reads a run.json: its arguments, and how it ends on a good one that lacks nothing it needs.
READERS: dict[str, tuple[list[str], int]] = {
    "report.py": (["--no-plots", RUN], 0),
    "compare.py": ([RUN, RUN, "--all"], 0),
    "export.py": (["--format", "csv", RUN], 0),
    "advise.py": (["--rss", "100M", "--import", "1s", RUN], 3),
}


def read_by(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    argv = [str(folder) if word == RUN else word for word in READERS[script][0]]
    return subprocess.run([sys.executable, str(SCRIPTS / script), *argv], capture_output=True,
                          text=True, timeout=120, check=False)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A results folder with the old file."""
    folder = tmp_path / "old"
    folder.mkdir()
    shutil.copy(OLD, folder / "run.json")
    return folder


def test_the_old_file_is_old() -> None:
    """It lacks what was added since: a fixture that is renewed by mistake would test nothing."""
    raw = json.loads(OLD.read_text(encoding="utf-8"))
    assert raw["context"]["spawnmark"]["schema"] == "spawnmark/1"
    added = {"superseded", "bounds", "side", "faults", "soak"}
    assert raw["cases"] and not any(added & case.keys() for case in raw["cases"])
    assert not {"capabilities", "seccomp"} & raw["context"]["spawnmark"]["environment"].keys()


def test_the_old_file_is_valid() -> None:
    assert runfile.check(runfile.read_json(OLD)) == []


@pytest.mark.parametrize("script", READERS)
def test_an_old_file_is_read(old: Path, script: str) -> None:
    told = read_by(script, old)
    assert told.returncode == READERS[script][1], told.stderr
    assert "Traceback" not in told.stderr and "schema" not in told.stderr
    if told.returncode != 3:
        assert "startup/popen/none" in told.stdout or "popen" in told.stdout
    if script == "report.py":
        assert "853, 1035" in told.stdout and (old / "report.html").stat().st_size > 10_000


def test_figures_of_an_old_file_are_those_in_it(old: Path) -> None:
    raw = json.loads(OLD.read_text(encoding="utf-8"))
    metric = runfile.load(old).by_name["startup/popen/none"].metric("ready")
    [case] = [c for c in raw["cases"] if c["name"] == "startup/popen/none"]
    assert metric and metric.p50 == case["metrics"]["ready"]["p50"]
    assert list(metric.blocks.values()) == case["metrics"]["ready"]["blocks"]


def newer(folder: Path, **more: Any) -> None:
    """The file of a later spawnmark, which has what no one here has heard of."""
    raw = json.loads(OLD.read_text(encoding="utf-8"))
    raw["context"]["spawnmark"]["schema"] = "spawnmark/9"
    raw["cases"] = {"all": "otherwise"}
    (folder / "run.json").write_text(json.dumps({**raw, **more}), encoding="utf-8")


@pytest.mark.parametrize("script", READERS)
def test_a_newer_file_is_one_clear_line(old: Path, script: str) -> None:
    newer(old, traces=[])
    told = read_by(script, old)
    assert told.returncode == 2 and told.stdout == ""
    [line] = told.stderr.splitlines()
    for word in (script, "run.json", "spawnmark/9", f"spawnmark/{runfile.SCHEMA_NUMBER}", "newer"):
        assert word in line


def test_the_checker_of_schemas_says_so_too(old: Path) -> None:
    """One line, not a fault for everything that it has not heard of."""
    newer(old, traces=[])
    told = subprocess.run([sys.executable, str(SCRIPTS / "check_schema.py"), str(old / "run.json")],
                          capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 2 and told.stdout == ""
    [line] = told.stderr.splitlines()
    assert line.startswith("check_schema.py: ") and "schema spawnmark/9 is newer" in line


def test_what_is_no_run_is_told_by_the_schema(old: Path) -> None:
    """No version is no newer version."""
    (old / "run.json").write_text('{"context": {}}')
    told = read_by("export.py", old)
    assert told.returncode == 2 and "newer" not in told.stderr and told.stderr.count("\n") == 1


def test_the_writer_and_the_reader_have_one_schema() -> None:
    written = (SCRIPTS.parent / "harness" / "driver" / "json_context.c").read_text(encoding="utf-8")
    assert f'"spawnmark/{runfile.SCHEMA_NUMBER}"' in written
    schema = json.loads(runfile.SCHEMA.read_text(encoding="utf-8"))
    assert schema["$defs"]["spawnmark"]["properties"]["schema"]["const"] == (
        f"spawnmark/{runfile.SCHEMA_NUMBER}")
