# SPDX-License-Identifier: MIT
"""bench/e2e/readers.py: what it times, how it judges, and that it sees memory of grandchildren."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import SCRIPTS

import runfile
from test_report import only

pytestmark = pytest.mark.skipif(shutil.which("hyperfine") is None, reason="hyperfine is missing: "
                                "make setup")
FILE = SCRIPTS.parent / "bench" / "e2e" / "readers.py"


@pytest.fixture(scope="module")
def readers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readers", FILE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["readers"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_the_bounds_are_the_promised_ones(readers: ModuleType, tmp_path: Path) -> None:
    folders = [tmp_path / str(i) for i in range(10)]
    many, one, two = readers.readers(folders, tmp_path, 1.0)
    assert (many.most_s, two.most_s) == (20, 5)
    assert {r.most_bytes for r in (many, one, two)} == {1 << 30}
    assert sum(str(f) in many.command for f in folders) == 10
    assert sum(str(f) in two.command for f in folders) == 2


def test_another_machine_of_a_run_that_lacks_a_metric(readers: ModuleType) -> None:
    cases = [{"metrics": {"ready": {"p50": 5, "blocks": [4, None, 6]}, "worked": None,
                          "reaped": {"p50": None, "blocks": []}}}]
    raw = {"context": {"host_name": "a", "spawnmark": {"seed": 1}}, "cases": cases}
    made = readers.another(raw, 7)
    blocks = made["cases"][0]["metrics"]["ready"]["blocks"]
    assert blocks[1] is None and blocks[0] != 4 and abs(blocks[0] / 4 - 1) < 0.1
    assert made["context"]["host_name"] == "machine-7" and raw["context"]["host_name"] == "a"


def test_the_default_is_the_largest(readers: ModuleType, tmp_path: Path,
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "ROOT", tmp_path)
    for name, size in (("latest", 10), ("reference-a", 30), ("reference-b", 20)):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "run.json").write_text(" " * size)
    packed = tmp_path / "results" / "reference-c"
    packed.mkdir()
    (packed / "run.json.gz").write_bytes(gzip.compress(b" " * 40))
    assert readers.default_folder() == packed


@pytest.mark.parametrize(("seconds", "mib", "kept"), [
    (20.0, 1024, True), (20.1, 1024, False), (20.0, 1025, False)])
def test_kept(readers: ModuleType, seconds: float, mib: int, kept: bool) -> None:
    told = readers.Cost(readers.Reader("a", ["true"], 20.0), {"median": seconds}, mib << 20)
    assert told.kept is kept and ("TOO MUCH" in str(told)) is not kept


def test_memory_of_a_grandchild_is_seen(readers: ModuleType, tmp_path: Path) -> None:
    """100 MiB in a child of what is timed."""
    hold = "import time; a = bytearray(b'x') * (100 << 20); time.sleep(1)"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {hold!r}])"
    found = readers.cost(readers.Reader("nested", [sys.executable, "-S", "-c", nested], 60.0), 1,
                         tmp_path)
    assert 100 << 20 < found.peak_bytes < 200 << 20
    assert found.row["peak_pss_bytes"] == found.peak_bytes and found.row["median"] >= 1


def test_a_command_that_fails_is_named(readers: ModuleType, tmp_path: Path) -> None:
    broken = readers.Reader("broken", [sys.executable, "-S", "-c", "raise SystemExit(2)"], 60.0)
    with pytest.raises(RuntimeError, match=r"broken: exit status \[2\]"):
        readers.cost(broken, 1, tmp_path)


def test_copies_are_other_runs(readers: ModuleType, golden: dict[str, Any]) -> None:
    first, second = readers.another(golden, 0), readers.another(golden, 1)
    assert first != second != golden and runfile.check(second) == []


def test_a_real_one(golden: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    """Of a small run: nothing is asserted of the time."""
    only("sandbox")(golden)
    (folder / "run.json").write_text(json.dumps(golden), encoding="utf-8")
    out, work = tmp_path / "out.json", tmp_path / "tmp"
    work.mkdir()
    ran = subprocess.run(
        [sys.executable, FILE, folder, "--folders", "2", "--runs", "1", "--scale", "50", "-o", out],
        capture_output=True, text=True, timeout=600, check=False,
        env={**os.environ, "TMPDIR": str(work)})
    assert ran.returncode == 0, ran.stderr
    rows = json.loads(out.read_text(encoding="utf-8"))["results"]
    assert [r["command"] for r in rows] == ["report over 2 folders", "report over 1 folder",
                                            "compare of 2 folders"]
    assert all(r["peak_pss_bytes"] > 30 << 20 for r in rows)
    assert ran.stdout.count("ok ") == 3 and list(work.iterdir()) == []


def test_usage(tmp_path: Path) -> None:
    for words, status in (([tmp_path / "none"], 2), (["--folders", "1"], 2), (["--help"], 0)):
        ran = subprocess.run([sys.executable, FILE, *words], capture_output=True, text=True,
                             timeout=60, check=False)
        assert ran.returncode == status and "Traceback" not in ran.stderr
