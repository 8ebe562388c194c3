# SPDX-License-Identifier: MIT
"""Several runs on one page: what is matched, ratios to the first, and what a run lacks."""

from __future__ import annotations

import copy
import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import SCRIPTS

import make_conformance
import nway
import runfile
from plots.several import PLOTS
from several import Several, labels, sizes

ROOT = SCRIPTS.parent
REFERENCE = ROOT / "results" / "reference-vm-6.18.44" / "run.json.gz"


def changed(golden: dict[str, Any], host: str, kernel: str = "6.18.44",
            factor: float = 1.0) -> dict[str, Any]:
    """Another machine, on which all latencies are this many times the golden ones."""
    raw = copy.deepcopy(golden)
    raw["context"]["host_name"] = host
    raw["context"]["spawnmark"]["environment"]["kernel"] = kernel
    for case in raw["cases"]:
        for m in case["metrics"].values():
            m.update(p50=m["p50"] * factor, blocks=[b * factor for b in m["blocks"]],
                     p50_ci=m["p50_ci"] and [x * factor for x in m["p50_ci"]])
    return raw


@pytest.fixture
def three(golden: dict[str, Any], tmp_path: Path) -> Several:
    """The second is 1.5 times as slow; the third lacks popen and the throughput."""
    third = changed(golden, "small")
    third["cases"] = [c for c in third["cases"]
                      if c["strategy"] != "popen" and c["kind"] != "throughput"]
    raws = (golden, changed(golden, "vm", "6.1.0", 1.5), third)
    return Several([runfile.Run(r, tmp_path / f"run-{i}") for i, r in enumerate(raws)])


def row(several: Several, table: str, strategy: str) -> list[nway.Cell]:
    """Of the headline group."""
    _, tables = nway.tables(several)[0]
    found = next(t for t in tables if t.title.startswith(table))
    return next(cells for name, cells in found.rows if name.startswith(strategy))


def test_labels_tell_runs_apart(golden: dict[str, Any], tmp_path: Path) -> None:
    def run(raw: dict[str, Any], folder: str) -> runfile.Run:
        return runfile.Run(raw, tmp_path / folder)

    other = changed(golden, "metal")
    assert labels([run(golden, "a"), run(other, "b")]) == [
        "vm, Linux 6.18.44", "metal, Linux 6.18.44"]
    later = copy.deepcopy(golden)
    later["context"]["spawnmark"]["started"] = "2026-11-24T00:00:00Z"
    assert labels([run(golden, "a"), run(later, "b")])[1] == (
        "vm, Linux 6.18.44, 2026-11-24T00:00:00Z")
    assert labels([run(golden, "a"), run(golden, "b")]) == [
        "vm, Linux 6.18.44, a", "vm, Linux 6.18.44, b"]
    twice = labels([run(golden, "a"), run(golden, "a")])
    assert twice[0] != twice[1]


def test_ratio_to_the_first(three: Several) -> None:
    first, second, third = row(three, "ready", "zygote")
    assert first.ratio is None and first.word == ""
    assert second.ratio and second.ratio.value == pytest.approx(1.5)
    assert second.ratio.low <= 1.5 <= second.ratio.high and second.word == "slower"
    assert third.ratio and third.ratio.value == pytest.approx(1.0) and third.word != "slower"
    assert first.value.startswith("1.00 ms [") and second.value.startswith("1.50 ms [")


def test_what_a_machine_cannot_do_is_no_dash(golden: dict[str, Any], tmp_path: Path) -> None:
    """Of a kernel without huge pages: the cell tells that there is a reason, and the page which."""
    for case in golden["cases"]:
        case["errors"] = []
    other = changed(golden, "rt")
    case = next(c for c in other["cases"] if c["name"] == "startup/zygote/python")
    case.update(status="unavailable", metrics={}, ecdf=None, timeline=None, cpu=None, blocks=[],
                errors=[{"block": 0, "stage": "preload", "errno": 32, "count": 6,
                         "text": "heap: --pages thp: the kernel has no huge pages"}])
    several = Several([runfile.Run(r, tmp_path / f"run-{i}") for i, r in enumerate((golden, other))])
    assert row(several, "ready", "zygote")[1] == nway.Cell("unavailable")
    lacks = next(c for c in several.runs[1].cases if c.name == case["name"])
    assert nway._count(lacks, None, None) == "unavailable" and nway._count(None, None, None) == "–"
    page = nway.render(several, tmp_path, {})
    assert "failed, unavailable: the reason is told below" in page
    assert "Errors of rt, Linux 6.18.44" in page
    assert ("startup/zygote/python unavailable at preload: heap: --pages thp: the kernel has no huge "
            "pages (6 times)") in page
    assert "Errors of vm" not in page
    whole = nway.render(Several([runfile.Run(golden, tmp_path / "run-0")] * 2), tmp_path, {})
    assert "the reason is told below" not in whole and "Errors of" not in whole


def test_a_run_may_lack_a_case(three: Several) -> None:
    cells = row(three, "ready", "popen")
    assert cells[0].value.startswith("400 ms") and cells[2] == nway.Cell("–")
    rates = row(three, "children per CPU-second", "zygote")
    assert rates[2].value.startswith("~"), "without throughput: what a latency child has cost"


def test_sentence_and_count(three: Several) -> None:
    assert re.search(r"^\w+ has python .* ready in 1.00 ms on vm, Linux 6.18.44; "
                     r"1.00 to 1.50 × that in 2 others$", three.sentence())
    assert 0 < three.shared < len(three.runs[0].of_kind("latency"))


def test_sizes_are_of_a_number_alive_that_all_have(three: Several) -> None:
    raw = three.runs[1].raw
    for case in raw["cases"]:
        case["memory"] = [m for m in case["memory"] if m["alive"] < 64]
    line = next(x for x in three.families[0].lines if x.case.strategy == "zygote")
    assert [s and s[1] for s in sizes(line, three.runs)] == [16, 16, 16]


def test_facts(three: Several) -> None:
    from several import facts

    found = {f.name: f for f in facts(three)}
    assert found["kernel"].differs and found["kernel"].each == ("6.18.44", "6.1.0", "6.18.44")
    assert not found["cpu_model"].differs


def test_every_picture_is_drawn(three: Several, tmp_path: Path) -> None:
    drawn = nway.draw_all(three, tmp_path / "plots")
    assert list(drawn) == [p.name for p in PLOTS]
    for name, said in drawn.items():
        assert (tmp_path / "plots" / f"{name}.png").stat().st_size > 10_000
        assert any(c.isdigit() for c in said), f"{name}: the alternative says no number"


def test_pictures_without_data_go(three: Several, tmp_path: Path) -> None:
    nway.draw_all(three, tmp_path)
    for run in three.runs:
        run.raw["cases"] = [c for c in run.raw["cases"]
                            if not {"heap_mb", "ballast_mb"} & c["params"].keys()]
    drawn = nway.draw_all(Several([runfile.Run(r.raw, r.folder) for r in three.runs]), tmp_path)
    assert "sweeps" not in drawn and not (tmp_path / "sweeps.svg").exists()


def test_conformance_side_by_side(three: Several, tmp_path: Path) -> None:
    """Two of three have one, and they differ in a cell."""
    for run, verdict in zip(three.runs, ("PASS", "FAIL")):
        raw = make_conformance.conformance(run.environment)
        raw["conformance"][0].update(verdict=verdict,
                                     observed="holds" if verdict == "PASS" else "fails")
        run.folder.mkdir(parents=True)
        (run.folder / "conformance.json").write_text(json.dumps(raw), encoding="utf-8")
    page = nway.render(three, tmp_path, {})
    part = page[page.index('id="conformance"'):]
    assert part.count('<table class="counts">') == 2
    assert "What differs between them" in part
    assert make_conformance.conformance(three.runs[0].environment)["conformance"][0]["check"] in part


def several(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error::UserWarning", str(SCRIPTS / "report.py")]
    return subprocess.run([*command, *map(str, words)], capture_output=True, text=True,
                          timeout=240, check=False)


def folders(golden: dict[str, Any], place: Path) -> list[Path]:
    made = []
    for i, raw in enumerate((golden, changed(golden, "metal", factor=0.8))):
        folder = place / f"run-{i}"
        folder.mkdir()
        (folder / "run.json").write_text(json.dumps(raw), encoding="utf-8")
        made.append(folder)
    return made


def test_command(golden: dict[str, Any], tmp_path: Path) -> None:
    a, b = folders(golden, tmp_path)
    told = several(a, b, "-o", tmp_path / "out")
    assert (told.returncode, told.stderr) == (0, "")
    assert "metal, Linux 6.18.44" in told.stdout
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 5_000_000 and page.count("<svg ") == len(PLOTS)
    for outside in (" src=", "@import", 'href="http'):
        assert outside not in page
    assert sorted(f.name for f in a.iterdir()) == ["run.json"]  # the runs' folders are left alone


def test_command_refuses(golden: dict[str, Any], tmp_path: Path) -> None:
    a, b = folders(golden, tmp_path)
    told = several(a, b)
    assert told.returncode == 2 and "-o DIR" in told.stderr
    told = several(a, "-o", tmp_path)
    assert told.returncode == 2 and "several" in told.stderr
    (b / "run.json").write_text("{}", encoding="utf-8")
    told = several(a, b, "-o", tmp_path / "out")
    assert told.returncode == 2 and str(b) in told.stderr and told.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_make_report() -> None:
    def asked(*words: str) -> str:
        done = subprocess.run(["make", "-n", "report", *words], cwd=ROOT, capture_output=True,
                              text=True, timeout=60, check=True)
        return " ".join(done.stdout.replace("\\\n", "").split())

    assert asked("RESULTS=a b").endswith("report.py a b -o results/side-by-side")
    assert asked("RESULTS=a b", "OUT=c").endswith("report.py a b -o c")
    assert asked("RESULTS=a").endswith("report.py a")


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference results are not here")
def test_ten_folders_are_fast_and_small(tmp_path: Path) -> None:
    """Bound: 20 s on two CPUs and 1 GiB for both processes; CPU time, as others may be running."""
    text = gzip.decompress(REFERENCE.read_bytes())
    for i in range(10):
        folder = tmp_path / f"run-{i}"
        folder.mkdir()
        (folder / "run.json").write_bytes(text)
    meter = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
             "stdout=subprocess.DEVNULL); u = resource.getrusage(resource.RUSAGE_CHILDREN); "
             "print(u.ru_utime + u.ru_stime, u.ru_maxrss)")
    done = subprocess.run([sys.executable, "-c", meter, sys.executable, str(SCRIPTS / "report.py"),
                           *(str(tmp_path / f"run-{i}") for i in range(10)), "-o",
                           str(tmp_path / "out")], capture_output=True, text=True, timeout=300,
                          check=True)
    seconds, kib = map(float, done.stdout.split())
    assert seconds <= 2 * 20
    assert 2 * kib <= 1 << 20
