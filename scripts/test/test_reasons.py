# SPDX-License-Identifier: MIT
"""Why kernels differ: rows are matched by release, machine and build, and nothing is made up."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import SCRIPTS

import make_kernels
import nway
import runfile
from conformfile import Document
from kernels import reasons
from kernels.reasons import Explained, Kernel, Reason, explained, table, version
from make_kernels import kernels, put
from matrix import render
from pivot import Pivot
from several import Several

Raw = dict[str, Any]
ROOT = SCRIPTS.parent
OLD, NEW, LATER = (Kernel(version(v), "x86_64", False) for v in ("6.1.0-49", "6.12.43+deb12",
                                                                 "6.18.2"))
ARM = Kernel(version("6.12.43"), "aarch64", False)
RT = Kernel(version("6.12.43"), "x86_64", True)


def row(**more: Any) -> Reason:
    return reasons._reason({"id": "x", "what": "w", "source": "s", **more}, "t")


def test_releases() -> None:
    span = row(**{"from": "6.9", "to": "6.10"})
    assert span.tells(OLD, NEW) and span.tells(NEW, OLD), "in either direction"
    assert not span.tells(NEW, LATER) and not span.tells(NEW, ARM)
    assert span.tells(Kernel(version("6.9.12"), "x86_64", False), NEW)
    assert not row(**{"from": "6.12", "to": "6.13"}).tells(OLD, NEW)
    assert row(**{"from": "6.12", "to": "6.13"}).tells(NEW, LATER)


def test_machines_and_builds() -> None:
    machines = row(machines=["x86_64", "aarch64"])
    assert machines.tells(NEW, ARM) and machines.tells(ARM, OLD) and not machines.tells(OLD, NEW)
    build = row(config="PREEMPT_RT")
    assert build.tells(NEW, RT) and not build.tells(OLD, NEW)


@pytest.mark.parametrize("wrong", (
    {}, {"from": "6.1"}, {"from": "6.2", "to": "6.1"}, {"from": "6.1", "to": "new"},
    {"config": "NUMA"}, {"from": "6.1", "to": "6.2", "machines": ["a", "b"]}, {"when": "6.1"}))
def test_a_wrong_row_is_refused(wrong: Raw) -> None:
    with pytest.raises(runfile.RunError):
        row(**wrong)


def test_the_table() -> None:
    """Every row is read; what it is about is a check or feature that there is."""
    rows = table()
    known = {reasons.SPAWN}
    source = "".join(f.read_text(encoding="utf-8") for f in
                     (ROOT / "scenarios" / "conformance").glob("*.c"))
    features = (ROOT / "harness" / "features" / "table.c").read_text(encoding="utf-8")
    known |= {reasons.FEATURE + n for n in re.findall(r'ROW\(\w+, "([^"]+)"', features)}
    known |= set(re.findall(r'\.id = "([^"]+)"', source))
    assert len(rows) > 10 and {r.id for r in rows} <= known
    assert all(len(r.what) < 110 and r.source for r in rows)
    assert len({(r.id, r.what) for r in rows}) == len(rows)


# ---- of documents ----

def files(golden: Raw) -> list[Raw]:
    """6.1 without three features, one of which nobody knows; 6.12 with all."""
    old, new = kernels(golden), kernels(golden, kernel="6.12.43+deb12-amd64")
    raws = [make_kernels.conformance(r) for r in (old, new)]
    for f in raws[0]["features"]:
        if f["name"] in ("mseal", "memfd-secret", "new-one", "odd-one"):
            f.update(presence="missing", errno="ENOSYS")
    of = {(c["check"], c["strategy"]): c for c in raws[0]["conformance"]}
    of["exit.rusage", "popen"].update(observed="holds")  # that no row knows
    of["signals.mask", "popen"].update(verdict="SKIP", observed="skip", feature="mseal",
                                       reason="mseal: ENOSYS")
    return raws


def documents(golden: Raw, tmp_path: Path) -> list[Document]:
    return [Document(raw, tmp_path / f"{i}.json") for i, raw in enumerate(files(golden))]


def told(pivot: Pivot, found: list[Any]) -> dict[str, Explained]:
    return {e.change.what: e for e in explained(found, pivot.documents)}


def test_features(golden: Raw, tmp_path: Path) -> None:
    pivot = Pivot(documents(golden, tmp_path))
    found = told(pivot, pivot.changed_features)
    assert [r.when for r in found["mseal"].reasons] == ["Linux 6.10"]
    assert "secretmem" in found["memfd-secret"].reasons[0].what, "it is there since 5.14, and off"
    assert found["new-one"].reasons[0].when == "Linux 6.7", "by the probes' own table"
    assert found["odd-one"].reasons == () and not found["odd-one"].whole


def test_checks(golden: Raw, tmp_path: Path) -> None:
    pivot = Pivot(documents(golden, tmp_path))
    found = told(pivot, pivot.changed)
    assert not found["exit.rusage"].whole and found["exit.rusage"].reasons == ()
    assert found["signals.mask"].whole, "it lacked a feature that came in between"
    assert found["signals.mask"].reasons[0].id == "feature:mseal"


def test_what_may_go_either_way_is_no_kernels(golden: Raw, tmp_path: Path) -> None:
    """Expected to fail, and allowed to hold: another spin of the coin is not unexplained."""
    raws = files(golden)
    seen = ({"observed": "fails", "verdict": "XFAIL", "reason": "it ends first"},
            {"observed": "holds", "verdict": "PASS", "reason": None})
    for raw, what in zip(raws, seen):
        next(c for c in raw["conformance"] if (c["check"], c["strategy"]) == (
            "exit.rusage", "popen")).update(what, expected="fails")
    pivot = Pivot([Document(raw, tmp_path / f"{i}.json") for i, raw in enumerate(raws)])
    e = told(pivot, pivot.changed)["exit.rusage"]
    assert e.whole and [r.when for r in e.reasons] == ["any kernel"]
    assert e.reasons[0].what.endswith(": it ends first")


def test_every_kernel_that_differs_counts(golden: Raw, tmp_path: Path) -> None:
    """Explained against one of two: that is a part."""
    first, second = documents(golden, tmp_path)
    raw = make_kernels.conformance(kernels(golden, kernel="6.9.1"))
    next(f for f in raw["features"] if f["name"] == "memfd-secret")["presence"] = "missing"
    raw["context"]["spawnmark"]["environment"]["kernel"] = "6.5.1"
    pivot = Pivot([second, first, Document(raw, tmp_path / "c.json")])
    e = told(pivot, pivot.changed_features)["memfd-secret"]
    assert e.reasons and not e.whole, "6.5 has it on: that it is missing there is not explained"


def test_one_kernel_has_no_reasons(golden: Raw, tmp_path: Path) -> None:
    first, second = documents(golden, tmp_path)
    second.environment["kernel"] = first.environment["kernel"]
    pivot = Pivot([first, second])
    assert not reasons.are_several(pivot.documents)
    assert all(e.reasons == () for e in explained(pivot.changed_features, pivot.documents))
    assert "why" not in render("matrix.md", pivot).partition("## What changed")[2][:200]


@pytest.mark.parametrize("name", ("matrix.html", "matrix.md"))
def test_matrix(golden: Raw, tmp_path: Path, name: str) -> None:
    text = render(name, Pivot(documents(golden, tmp_path)))
    assert text.count("not explained") == 2 and "mseal(2) was added" in text
    if name == "matrix.md":
        head = next(x for x in text.splitlines() if x.startswith("| check | strategy |"))
        assert head.endswith("| why |") and f"{head}\n|---|---|---|---|---|\n| " in text


def test_page(golden: Raw, tmp_path: Path) -> None:
    runs = []
    for i, (kernel, doc) in enumerate(zip(("6.1.0-49-amd64", "6.12.43+deb12-amd64"),
                                          documents(golden, tmp_path))):
        raw = make_kernels.conformance(kernels(golden, kernel=kernel))
        raw["features"] = list(doc.features.values())
        raw["conformance"] = doc._raw_cells
        folder = put(kernels(golden, kernel=kernel), tmp_path / f"k{i}", raw)
        runs.append(runfile.load(folder))
    text = nway.render(Several(runs), tmp_path, {})
    part = text[text.index('id="conformance"'):]
    assert part.count("not explained") == 2 and "mseal(2) was added" in part
    assert "4 of 6 differences have a reason" in part
    path = text[text.index('id="path"'):text.index('id="tables"')]
    assert "__mt_dup()" in path and "PREEMPT_RT" not in path and "aarch64" not in path


def test_what_is_on_the_path() -> None:
    def between(*kernels: tuple[str, str]) -> set[str]:
        return {r.when for r in reasons.on_the_path(
            [{"kernel": k, "machine": m, "kernel_version": ""} for k, m in kernels])}

    assert between(("6.18.1", "x86_64"), ("6.18.9", "x86_64")) == set()
    assert {"Linux 6.2", "Linux 6.8"} <= between(("6.1.0", "x86_64"), ("6.12.1", "x86_64"))
    assert between(("6.12.1", "x86_64"), ("6.12.1", "aarch64")) == {"aarch64, x86_64"}


def test_command_and_package_share_a_name() -> None:
    """scripts/kernels.py beside scripts/kernels/: the package is what is imported."""
    code = "import kernels.reasons; print(kernels.__path__[0])"
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True,
                          text=True, check=True)
    assert done.stdout.strip().endswith("scripts/kernels")


@pytest.mark.parametrize(("low", "high", "told"), [
    ("6.1", "6.12.5", True), ("6.1", "6.12", True), ("6.12", "6.12.5", False),
    ("6.6", "6.12.5", False), ("6.1.9", "6.12", True), ("6.1", "6.11.9", False)])
def test_which_kernels_a_row_lies_between(low: str, high: str, told: bool) -> None:
    """From the newest that is known without it to the first that has it; in either order."""
    row = reasons.Reason("x", "what", "source", reasons.version("6.1"), reasons.version("6.12"))
    a, b = (reasons.Kernel(reasons.version(v), "x86_64", False) for v in (low, high))
    assert row.tells(a, b) is row.tells(b, a) is told
