# SPDX-License-Identifier: MIT
"""From a run.json to the summary, the pictures and the page; whole and damaged runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SCRIPTS
from PIL import Image

import make_selfcheck
import runfile
from plots import PLOTS
from plots.several import COUNTED
from plots.several import PLOTS as SEVERAL_PLOTS
from derive import groups
from stats_by_hand import FACTORS
from summary import HEAD, WIDTH, _cells, columns, error_lines, full_errors, summary


def report(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error::UserWarning", str(SCRIPTS / "report.py")]
    return subprocess.run([*command, str(folder), *options], capture_output=True, text=True,
                          timeout=180, check=False)


@pytest.fixture(scope="module")
def made(golden_once: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden run's folder with its report."""
    folder = tmp_path_factory.mktemp("results") / "vm-6.18"
    folder.mkdir()
    make_selfcheck.write_beside(folder, golden_once["context"]["spawnmark"]["fingerprint"])
    (folder / "run.json").write_text(json.dumps(golden_once), encoding="utf-8")
    told = report(folder)
    assert told.returncode == 0, told.stderr
    assert told.stderr == ""
    return folder


@pytest.mark.parametrize("plot", PLOTS, ids=lambda p: p.name)
def test_pictures_are_drawn(made: Path, plot: Any) -> None:
    """Both files, and not blank: the pixels vary and ink covers some of it."""
    svg = (made / "plots" / f"{plot.name}.svg").read_text(encoding="utf-8")
    assert svg.count("<path") > 20
    with Image.open(made / "plots" / f"{plot.name}.png") as image:
        pixels = np.asarray(image.convert("L"), dtype=float)
    assert pixels.std() > 5
    assert (pixels < 128).mean() > 0.002


def test_plot_table_is_sorted() -> None:
    names = [p.name for p in PLOTS]
    assert names == sorted(names)
    files = {f.stem for f in (SCRIPTS / "plots").glob("*.py")}
    assert set(names) == files - {"__init__", "style", "curve", "labels"}
    assert {f.stem for f in (SCRIPTS / "plots" / "several").glob("*.py")} == {
        "__init__", "common", *(p.draw.__module__.rpartition(".")[2]
                                for p in (*SEVERAL_PLOTS, *COUNTED))}
    assert len({p.place for p in PLOTS}) == len(PLOTS)


def test_no_temporary_file_stays(made: Path) -> None:
    assert [f for f in made.rglob("*") if f.name.endswith(".tmp")] == []


def test_sentence_and_columns(run: runfile.Run) -> None:
    text = summary(run)
    assert text.replace("\n", " ").startswith(
        "zygote: python (numpy, pandas, pyarrow) ready in 1.00 ms [0.96, 1.04], 400 × [400, 400] "
        "sooner than popen; first work done after 2.90 ms [2.78, 3.02], 139 × [139, 139]; "
        "0 of 24 secrets of the parent inherited, 8 of 8 reachable by the same uid; "
        "12.6 MB PSS per child with 16 alive. ")
    lines = text.splitlines()
    zygote = next(x for x in lines if x.startswith("zygote  "))
    assert zygote.split() == ["zygote", "1.00", "[0.96,", "1.04]", "2.90", "[2.78,", "3.02]",
                              "400", "1.02", "224", "12.6", "0/24", "8/8"]
    fork = next(x for x in lines if x.startswith("fork  "))
    assert fork.endswith("22/24   8/8 <- unsafe")
    assert "n=60 in 12 blocks · floor 880 µs" in text


def test_sentence_names_the_rival_of_worked(golden: dict[str, Any], run: runfile.Run) -> None:
    """forkserver, later by ready, is level by worked, then sooner; four lines hold it."""
    worked = next(c for c in golden["cases"]
                  if c["name"] == "startup/forkserver/python")["metrics"]["worked"]
    for factor, said in ((1.0, "by worked, level with it: forkserver ("),
                         (0.5, "by worked, sooner: forkserver (0.50")):
        worked["blocks"] = [2.9e6 * factor * f for f in FACTORS[::-1]]
        lines = summary(run).split("\n\n")[0].splitlines()
        assert said in " ".join(lines) and len(lines) <= 4


def test_cells_never_touch(golden: dict[str, Any], run: runfile.Run) -> None:
    """However long a figure is, a blank stands before it."""
    for case in golden["cases"]:
        for name, m in case["metrics"].items():
            if name in ("ready", "worked"):
                m["p50_ci"] = [m["p50"] * 0.5, m["p50"] * 1234567]
        for point in case["throughput"]:
            point["children_per_cpu_s"] = 123456789.0
        for m in case["memory"]:
            m["pss_bytes"] = m["pss_bytes"] and 1234.0
    cells = [_cells(r, ("ns", 1.0)) for r in groups(run)[0].rows]
    for line, row in zip(columns([*HEAD[0:2], *cells])[2:], cells):
        assert line.split() == " ".join(row).split()
    small = next(x for x in summary(run).splitlines() if x.startswith("popen "))
    assert len(small) <= WIDTH


def test_small_pss_has_two_digits(golden: dict[str, Any], run: runfile.Run) -> None:
    for m in (m for c in golden["cases"] for m in c["memory"] if m["pss_bytes"]):
        m["pss_bytes"] = 50216.0
    zygote = next(x for x in summary(run).splitlines() if x.startswith("zygote  "))
    assert zygote.split()[10] == "0.050"


def test_one_screen(run: runfile.Run) -> None:
    lines = summary(run).splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 100


def test_one_screen_with_many_errors(golden: dict[str, Any], run: runfile.Run) -> None:
    for i, case in enumerate(golden["cases"]):
        text = f"{'x' * 300} {i}"
        case["errors"] = [{"block": 0, "stage": "exec", "errno": 2, "text": text, "count": 3}]
        case["status"] = "partial"
    lines = summary(run).splitlines()
    assert len(lines) <= 45 and max(map(len, lines)) <= 100
    assert "more lines in report.html" in lines[-1]


def test_failed_case_is_told(golden: dict[str, Any], folder: Path) -> None:
    case = next(c for c in golden["cases"] if c["name"] == "startup/zygote/python")
    case.update(status="failed", metrics={}, ecdf=None, timeline=None, cpu=None, blocks=[],
                errors=[{"block": 0, "stage": "preload", "errno": 0, "count": 12,
                         "text": "ModuleNotFoundError: No module named 'nump'"}])
    (folder / "run.json").write_text(json.dumps(golden))
    told = report(folder, "--no-plots")
    assert told.returncode == 0, told.stderr
    assert "ModuleNotFoundError: No module named 'nump' (12 times)" in told.stdout
    assert "zygote        failed: no sample" in told.stdout
    assert told.stdout.startswith("forkserver:")
    assert "ModuleNotFoundError" in (folder / "report.html").read_text(encoding="utf-8")


def test_incomplete_comes_first(golden: dict[str, Any], folder: Path) -> None:
    golden["incomplete"] = {"reason": "interrupted", "blocks_done": 5, "blocks_planned": 12}
    (folder / "run.json").write_text(json.dumps(golden))
    told = report(folder, "--no-plots")
    assert told.stdout.startswith("INCOMPLETE (interrupted): 5 of 12 blocks")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.index("INCOMPLETE") < page.index("<h1>")


def only(kind: str) -> Callable[[dict[str, Any]], None]:
    def change(run: dict[str, Any]) -> None:
        run["cases"] = [c for c in run["cases"] if kind in (c["kind"], c["scenario"])]
        run.update(isolation=[], shared_bits=[], attached={}, benchmarks=[])
    return change


def nothing(run: dict[str, Any]) -> None:
    only("nothing")(run)
    run["context"]["spawnmark"]["calibration"] = []


def isolation_alone(run: dict[str, Any]) -> None:
    isolation = run["isolation"]
    nothing(run)
    run["isolation"] = isolation


def as_try(run: dict[str, Any]) -> None:
    only("startup")(run)
    run["cases"] = [c for c in run["cases"] if c["payload"] == "python" and "raw" not in c["name"]]
    for case in run["cases"]:
        case.update(scenario="try", name=case["name"].replace("startup", "try"), floor=None)


def few_blocks(run: dict[str, Any]) -> None:
    """Too few for any interval."""
    only("startup")(run)
    for case in run["cases"]:
        case["blocks"] = case["blocks"][:3]
        for m in case["metrics"].values():
            m.update(blocks=m["blocks"][:3], p50_ci=None, p90=None, p90_ci=None)


def nulls(run: dict[str, Any]) -> None:
    for case in run["cases"]:
        case.update(image=None, floor=None, ecdf=None, timeline=None, cpu=None, noise=None)
        for m in case["metrics"].values():
            m.update({k: None for k in m if k not in ("unit", "n", "blocks", "p50")})
        for point in case["throughput"]:
            point.update({k: None for k in point if k in (
                "children_per_s", "children_per_cpu_s", "children_per_cpu_s_ci", "user_ns",
                "system_ns", "busy_ns", "rusage_ns", "accounting", "p50", "p99")})
        for row in case["memory"]:
            row.update({k: None for k in row if k not in ("alive", "at")}, reason="cannot")
        for told in (case.get("open"), *case.get("capacity", {}).get("points", ())):
            if told:
                told.update({k: None for k in (
                    "offered", "achieved", "cpu_per_child_ns", "p50", "p99", "lag_p50",
                    "lag_p99")})
        if "capacity" in case:
            case["capacity"].update(rate_per_cpu=None, relation=None, interval=[None, None])
    for bits in run["shared_bits"]:
        bits["shared_bits"] = None


DEGRADED = {"nothing": nothing, "isolation": isolation_alone, "throughput": only("throughput"),
            "memory": only("memory"), "scale": only("scale"), "startup": only("startup"),
            "sandbox": only("sandbox"), "capacity": only("capacity"), "open": only("pool"),
            "model": only("model"),
            "try": as_try, "few blocks": few_blocks, "nulls": nulls}


@pytest.mark.parametrize("change", DEGRADED.values(), ids=DEGRADED.keys())
def test_any_subset_makes_a_report(golden: dict[str, Any], folder: Path,
                                   change: Callable[[dict[str, Any]], None]) -> None:
    """No crash, no warning, no None, nan or empty sentence, at most one screen."""
    change(golden)
    assert runfile.check(golden) == []
    (folder / "run.json").write_text(json.dumps(golden))
    told = report(folder)
    assert (told.returncode, told.stderr) == (0, "")
    lines = told.stdout.split("\n\n/")[0].splitlines()
    assert lines and lines[0].strip()
    assert len(lines) <= 45 and max(map(len, lines)) <= 100
    assert "None" not in told.stdout and "nan" not in told.stdout.replace("nanosec", "")
    assert (folder / "report.html").stat().st_size > 3000


def test_try_is_the_headline(golden: dict[str, Any], folder: Path) -> None:
    as_try(golden)
    (folder / "run.json").write_text(json.dumps(golden))
    told = report(folder, "--summary-only")
    assert "400 × [400, 400] sooner than popen" in told.stdout.replace("\n", " ")
    assert "isolation not measured" in told.stdout.replace("\n", " ")
    assert sorted(f.name for f in folder.iterdir()) == ["run.json"]  # nothing was written


def test_bad_input(folder: Path, golden: dict[str, Any], tmp_path: Path) -> None:
    told = report(tmp_path / "nowhere")
    assert told.returncode == 2 and "nowhere/run.json: No such file" in told.stderr
    golden["cases"][3]["status"] = "fine"
    (folder / "run.json").write_text(json.dumps(golden))
    told = report(folder)
    assert told.returncode == 2 and "cases/3/status" in told.stderr
    assert told.stderr.count("\n") == 1


def test_no_plots(golden: dict[str, Any], folder: Path) -> None:
    assert report(folder, "--no-plots").returncode == 0
    assert not (folder / "plots").exists()


def test_page_is_one_file(made: Path) -> None:
    page = (made / "report.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 5_000_000
    for outside in ("<script src", " src=", "@import", 'href="http', "<link rel=\"style"):
        assert outside not in page
    assert page.count("<script>") == page.count("</script>") == 1
    assert page.count("<svg ") == len(PLOTS) == page.count('role="img"')
    assert "&lt;heap/before&gt; &amp; 1 hit" in page  # evidence is text, never markup


def test_an_error_keeps_the_end_of_its_text(golden: dict[str, Any], run: runfile.Run) -> None:
    error = {"block": 0, "stage": "preload", "errno": 0, "count": 1,
             "text": "its stderr says why: " + "x" * 150 + " ModuleNotFoundError: No module"}
    golden["cases"][0]["errors"] = [error]
    lines = [line for line in error_lines(run) if line.endswith("ModuleNotFoundError: No module")]
    assert len(lines) == 1 and len(lines[0]) <= WIDTH
    assert error["text"] in full_errors(run)[0], "on a page there is room"


def test_one_cause_of_several_cases_is_told_once(golden: dict[str, Any], tmp_path: Path) -> None:
    error = {"block": 0, "stage": "receive", "errno": 0, "count": 6,
             "text": "the host exited with status 69: heap: the kernel has no huge pages"}
    for case in golden["cases"]:
        case["errors"] = []
    first, second, third = golden["cases"][:3]
    for case in (first, second):
        case.update(errors=[error], status="unavailable")
    third.update(errors=[error], status="failed")
    run = runfile.Run(golden, tmp_path)
    assert error_lines(run) == [
        f"! {first['name']} and 1 more unavailable at receive:",
        f"  {error['text']} (12 times)",
        f"! {third['name']} failed at receive:", f"  {error['text']} (6 times)"]
    assert full_errors(run) == [
        f"{first['name']}, {second['name']} unavailable at receive: {error['text']} (12 times)",
        f"{third['name']} failed at receive: {error['text']} (6 times)"]
    third.update(errors=[])
    assert error_lines(runfile.Run(golden, tmp_path))[-1] == f"! {third['name']} failed"
    third.update(errors=[error | {"text": "no", "count": 1}])
    assert error_lines(runfile.Run(golden, tmp_path))[-1] == f"! {third['name']} failed at receive: no"
