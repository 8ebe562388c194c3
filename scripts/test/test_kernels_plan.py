# SPDX-License-Identifier: MIT
"""scenarios/kernels.ini: what it promises is in it, and its proof of determinism runs alone."""

from __future__ import annotations

import configparser
import json
import subprocess
from pathlib import Path

import pytest
from conftest import SCRIPTS

import runfile

ROOT = SCRIPTS.parent
PROGRAM = ROOT / "build" / "spawnmark"
LAYERS = ("none", "cgroup", "pid", "ipc", "uts", "net", "cgroupns", "mount", "root", "limits",
          "user", "ids", "caps", "nnp", "seccomp", "ns", "full")

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="build/spawnmark is not built: make")


@pytest.fixture(scope="module")
def plan() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(comment_prefixes=("#", ";"), interpolation=None,
                                       default_section="global")
    parser.read(ROOT / "scenarios" / "kernels.ini")
    return parser


def words(text: str) -> set[str]:
    return set(text.replace("\n", " ").replace(" ", "").split(","))


def test_what_is_in_it(plan: configparser.ConfigParser) -> None:
    told = json.loads(subprocess.run([PROGRAM, "list", "strategies", "--json"], cwd=ROOT,
                                     capture_output=True, text=True, check=True).stdout)
    known = {s["name"] for s in told if "METER" not in s["traits"]}
    assert words(plan["none"]["strategy"]) == known, "a new strategy is of every kernel as well"
    assert {plan[s]["payload"] for s in plan.sections() if "payload" in plan[s]} == {"none", "heap"}
    assert words(plan["heap"]["heap_mb"]) == {"0", "16", "64"}
    assert words(plan["heap"]["heap_pages"]) == {"4k", "thp"}
    assert words(plan["layers"]["sandbox"]) == set(LAYERS)
    assert int(plan["global"]["blocks"]) >= 6, "fewer have no interval, and no verdict"
    assert int(plan["global"]["seed"]) > 0, "the order repeats"


def test_the_proof_alone(tmp_path: Path, plan: configparser.ConfigParser) -> None:
    """--only '/none$' is the section none, and the file says what its clock counts."""
    out = tmp_path / "run"
    done = subprocess.run(
        [PROGRAM, "run", "kernels", "--clock", "icount", "--only", "/none$", "--quick",
         "--no-report", "-o", out, "--set", "samples=1"], cwd=ROOT, capture_output=True, text=True,
        timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "clock: instructions under QEMU -icount" in done.stderr
    run = runfile.load(out)
    assert {c.section for c in run.cases} == {"none"} and run.clock == "instructions"
    assert {c.strategy for c in run.cases} == words(plan["none"]["strategy"])
    assert run.mark["seed"] == int(plan["global"]["seed"])
    assert "cpuid_ns" not in {c["name"] for c in run.mark["calibration"]}


def listed(*options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, "run", "kernels", *options, "--list"], cwd=cwd, text=True,
                          capture_output=True, timeout=60, check=False)


def test_cases_are_listed_and_not_measured(tmp_path: Path, plan: configparser.ConfigParser) -> None:
    done = listed("--only", "/none$", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == "" and not list(tmp_path.iterdir())
    assert set(done.stdout.split()) == {f"kernels/{s}/none" for s in words(plan["none"]["strategy"])}
    assert len(listed(cwd=tmp_path).stdout.split()) > len(done.stdout.split())
    done = listed("--only", "nowhere", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "") and "matches none of" in done.stderr
