# SPDX-License-Identifier: MIT
"""A cached kernel with the counting plugin: the sum agrees, and the spawn looks like one.

Skipped where test_kernels_real.py is.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import SCRIPTS
from test_kernels_real import _why_not, _word

pytestmark = pytest.mark.skipif(_why_not() is not None, reason=str(_why_not()))
BOUND_S = 600


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("profile") / "out"
    ran = subprocess.run([sys.executable, SCRIPTS / "kernels.py", "profile", _word() or "", "--spans", "2",
                          "--heap", "0,64", "--pages", "4k", "-o", made], capture_output=True, text=True,
                         timeout=BOUND_S, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "fork 64 MiB 4k: instructions of one spawn" in ran.stdout
    return made


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[tuple[str, int], dict[str, Any]]:
    told = json.loads((folder / "profile.json").read_text(encoding="utf-8"))
    return {(c["strategy"], c["heap_mb"]): c for c in told["cases"]}


def test_the_sum_agrees_with_the_clock(found: dict[tuple[str, int], dict[str, Any]]) -> None:
    assert set(found) == {(s, mb) for s in ("fork", "vfork", "zygote3") for mb in (0, 64)}
    for case in found.values():
        assert len(case["spans"]) == len(case["clock_ns"]) == 2 and case["calls_lost"] == 0
        for counted, clock in zip(case["spans"], case["clock_ns"]):
            assert clock > 10_000 and abs(counted - clock) <= clock / 100
        assert sum(case["phases"].values()) == pytest.approx(case["instructions"], abs=10)
        assert sum(case["categories"].values()) == pytest.approx(case["instructions"], abs=10)
        assert case["unknown"] + case["unlisted"] < 0.1 * case["instructions"]


def test_who_and_when(found: dict[tuple[str, int], dict[str, Any]]) -> None:
    for (strategy, heap_mb), case in found.items():
        whole, roles, phases = case["instructions"], case["roles"], case["phases"]
        assert ("exec" in phases) == (strategy == "vfork")
        assert (roles.get("server", 0) > whole / 10) == (strategy == "zygote3")
        assert roles["child"] > whole / 10 and phases["exit"] > whole / 10
        assert phases.get("switch", 0) < whole / 100, "every path has a beginning"
        calls = case["inclusive"]
        assert calls["do_exit"] == pytest.approx(phases["exit"], rel=0.1)
        if strategy != "vfork" and heap_mb:
            assert calls["unmap_page_range"] > 0.15 * whole and calls["copy_page_range"] > 0.15 * whole
    assert found["fork", 64]["instructions"] > 10 * found["fork", 0]["instructions"]
    assert found["vfork", 64]["instructions"] < 1.5 * found["vfork", 0]["instructions"]


def test_files(folder: Path) -> None:
    names = {path.name.split("-", 1)[1] for path in folder.iterdir() if "-" in path.name}
    assert {"fork-64-4k.svg", "fork-64-4k.calls.svg", "vfork-0.folded", "zygote3-64-4k.calls.folded"} <= names
    for path in folder.glob("*.folded"):
        assert all(line.rpartition(" ")[2].isdigit() for line in path.read_text().splitlines())
