# SPDX-License-Identifier: MIT
"""Exports hold the figures of run.json to the last digit, in the form that the other tool reads."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SCRIPTS

import export
import hgrm
import runfile
import samples

ROOT = SCRIPTS.parent
REFERENCE = ROOT / "results" / "reference-vm-6.18.44"
TINY = """[tiny]
kind = latency
strategy = popen, zygote
payload = none
blocks = 6
samples = 6
floor = yes

[open]
kind = open
strategy = zygote
payload = none
rate = 200
blocks = 2
duration = 200ms
"""


@dataclass(frozen=True)
class Told:
    returncode: int
    stdout: str
    stderr: str


def run_script(*argv: str | Path) -> Told:
    """export.py, without the second that a new interpreter takes."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = export.main([str(word) for word in argv])
        except SystemExit as left:  # argparse
            code = left.code
    return Told(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def reference() -> runfile.Run:
    return runfile.load(REFERENCE)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder of this machine, with its samples."""
    program = ROOT / os.environ.get("B", "build") / "spawnmark"
    if not program.exists():
        pytest.skip("build/spawnmark is missing: make")
    folder = tmp_path_factory.mktemp("real")
    (folder / "tiny.ini").write_text(TINY)
    told = subprocess.run([program, "run", folder / "tiny.ini", "--no-report", "-o", folder / "out"],
                          capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 0, told.stderr
    return folder / "out"


def everything(run: runfile.Run) -> list[export.Series]:
    found = export.choose(run, runfile.METRICS, re.compile("."))
    assert len(found) > 500 or run.folder != REFERENCE
    return found


def shifted(value: Decimal, places: int) -> Decimal:
    return value.scaleb(places).normalize()


def exactly(value: float) -> Decimal:
    """As run.json writes it."""
    return Decimal(repr(value)).normalize()


def test_series_are_named_as_the_benchmarks_of_the_run(reference: runfile.Run) -> None:
    told = {b["name"] for b in reference.raw["benchmarks"]}
    own = {one.name: one.raw["blocks"] for one in everything(reference)}
    # Tools that read google-benchmark's form divide by the figures: no rows of what was 0.
    assert told == {name for name, blocks in own.items() if 0 not in blocks}


def test_hyperfine_keeps_every_digit(reference: runfile.Run) -> None:
    chosen = everything(reference)
    made = json.loads(export.hyperfine(reference, chosen), parse_float=Decimal)["results"]
    assert [r["command"] for r in made] == [one.name for one in chosen]
    for result, one in zip(made, chosen):
        assert shifted(result["median"], 9) == exactly(one.metric.p50)
        assert [shifted(t, 9) for t in result["times"]] == [exactly(m) for m in one.medians()]
        assert shifted(result["user"], 9) == exactly(one.case.raw["cpu"]["user_ns"])
        assert shifted(result["system"], 9) == exactly(one.case.raw["cpu"]["system_ns"])
        assert float(np.mean(one.medians()) / 1e9) == pytest.approx(float(result["mean"]), 1e-12)
        assert float(np.std(one.medians(), ddof=1) / 1e9) == pytest.approx(
            float(result["stddev"]), 1e-12)
        assert (result["min"], result["max"]) == (min(result["times"]), max(result["times"]))
        assert len(result["exit_codes"]) == len(result["times"])


def test_a_block_with_failures_has_no_exit_code(run: runfile.Run) -> None:
    run.by_name["startup/popen/python"].raw["blocks"][3]["failed"] = 1
    made = json.loads(export.hyperfine(run, export.choose(run, ("ready",), re.compile("startup/popen/python"))))
    assert made["results"][0]["exit_codes"] == [0, 0, 0, None] + [0] * 8


def kinds(value: Any) -> Any:
    """What a JSON value looks like: names and types, of lists the first element's."""
    if isinstance(value, dict):
        return {key: kinds(v) for key, v in value.items()}
    return [kinds(value[0])] if isinstance(value, list) else type(value).__name__


def test_hyperfine_writes_the_same_form_itself(reference: runfile.Run, tmp_path: Path) -> None:
    """Plot scripts read by name: ours are those of the installed hyperfine, of the same types."""
    if not shutil.which("hyperfine"):
        pytest.skip("hyperfine is missing: make setup")
    own = tmp_path / "own.json"
    subprocess.run(["hyperfine", "-N", "--runs", "3", "-L", "heap_mb", "0,16", "true {heap_mb}",
                    "--export-json", own], check=True, capture_output=True, timeout=60)
    only = re.compile("^scale/zygote/heap/heap_mb=.*section=heap$")
    ours = json.loads(export.hyperfine(reference, export.choose(reference, ("ready",), only)))
    theirs = json.loads(own.read_text())
    assert kinds(ours) == kinds(theirs)
    assert [set(r["parameters"]) for r in ours["results"]] == [{"heap_mb"}] * 4


@pytest.mark.skipif("HYPERFINE_SCRIPTS" not in os.environ, reason="in no Debian package: "
                    "HYPERFINE_SCRIPTS=DIR names the scripts/ of hyperfine's sources")
@pytest.mark.parametrize(("script", "only"), [
    ("plot_whisker.py", "^startup/(popen|zygote)/none$"),
    ("plot_histogram.py", "^startup/(popen|zygote)/none$"),
    ("plot_progression.py", "^startup/(popen|zygote)/none$"),
    ("plot_parametrized.py", "^scale/zygote/heap/heap_mb=.*section=heap$")])
def test_hyperfines_scripts_plot_it(tmp_path: Path, script: str, only: str) -> None:
    data, picture = tmp_path / "data.json", tmp_path / "picture.png"
    assert run_script(REFERENCE, "--format", "hyperfine", "--only", only, "-o", data).returncode == 0
    told = subprocess.run(
        [sys.executable, Path(os.environ["HYPERFINE_SCRIPTS"]) / script, data, "-o", picture],
        env={**os.environ, "MPLBACKEND": "Agg"}, capture_output=True, text=True, timeout=60,
        check=False)
    assert told.returncode == 0, told.stderr
    assert picture.stat().st_size > 5000


def test_github_action_benchmark(reference: runfile.Run) -> None:
    chosen = everything(reference)
    rows = json.loads(export.github_action_benchmark(reference, chosen))
    assert len({row["name"] for row in rows}) == len(rows) == len(chosen)
    for row, one in zip(rows, chosen):
        assert (row["name"], row["unit"], row["value"]) == (one.name, "ns", one.metric.p50)
        assert tuple(json.loads(row["range"])) == one.metric.ci
        assert f"{one.metric.nblocks} blocks" in row["extra"]


def test_no_interval_no_range(run: runfile.Run) -> None:
    raw = run.by_name["startup/popen/python"].raw["metrics"]["ready"]
    raw.update(p50_ci=None, p50_ci_level=None)
    chosen = export.choose(run, ("ready",), re.compile("^startup/popen/python$"))
    [row] = json.loads(export.github_action_benchmark(run, chosen))
    assert "range" not in row and "no interval" in row["extra"]


def test_csv_has_a_row_for_each_block(reference: runfile.Run) -> None:
    chosen = everything(reference)
    rows = list(csv.DictReader(io.StringIO(export.csv_tidy(reference, chosen))))
    assert len(rows) == sum(len(one.case.raw["blocks"]) for one in chosen)
    at = iter(rows)
    for one in chosen:
        for block, median in one.blocks():
            row = next(at)
            assert (row["case"], row["metric"]) == (one.case.name, one.metric.name)
            assert int(row["block"]) == block["index"]
            assert float(row["median_ns"]) == median
            assert {k: int(row[k]) if row[k] else None for k in export.BLOCK_COLUMNS} == {
                k: block[k] for k in export.BLOCK_COLUMNS}
            assert {k.removeprefix("param."): v for k, v in row.items()
                    if k.startswith("param.") and v} == one.case.params


def test_a_block_without_samples_is_an_empty_cell(run: runfile.Run) -> None:
    run.by_name["startup/popen/python"].raw["metrics"]["ready"]["blocks"][2] = None
    chosen = export.choose(run, ("ready",), re.compile("^startup/popen/python$"))
    rows = list(csv.DictReader(io.StringIO(export.csv_tidy(run, chosen))))
    assert [row["block"] for row in rows if not row["median_ns"]] == ["2"]
    assert len(json.loads(export.hyperfine(run, chosen))["results"][0]["times"]) == 11
    assert export.benchstat(run, chosen).count("BenchmarkSpawn/") == 11


# golang.org/design/14313-benchmark-format: a name, iterations, pairs of value and unit.
LINE = re.compile(r"Benchmark[A-Z]\S*\t[1-9][0-9]*(\t[0-9.e+-]+ [a-z]+-ns/op)+")
KEY = re.compile(r"[a-z][^\sA-Z:]*:( .*)?")


def test_benchstat_has_a_line_for_each_block(reference: runfile.Run) -> None:
    text = export.benchstat(reference, everything(reference))
    assert all(LINE.fullmatch(line) or KEY.fullmatch(line) or line.startswith("# ")
               for line in text.splitlines())
    lines = [line.split("\t") for line in text.splitlines() if line.startswith("Benchmark")]
    for case in (c for c in reference.cases if c.metric("ready")):
        mine = [line[2:] for line in lines if line[0] == f"BenchmarkSpawn/{case.name}"]
        assert len(mine) == len(case.raw["blocks"])
        for at, pairs in enumerate(mine):
            assert {unit.removesuffix("-ns/op"): float(value) for value, unit in
                    (pair.split(" ") for pair in pairs)} == {
                name: m["blocks"][at] for name, m in case.raw["metrics"].items()}


def test_benchstat_tells_sides_by_key(run: runfile.Run) -> None:
    """`benchstat -col side` holds the sides of a pair against each other, as they share a name."""
    new = run.by_name["startup/popen/python"].raw
    new["side"] = "new"
    run.raw["cases"].append({**new, "name": "startup/popen/python@base", "side": "base"})
    del run.__dict__["cases"], run.__dict__["by_name"]
    text = export.benchstat(run, export.choose(run, ("ready",), re.compile("^startup/popen/python")))
    lines = text.splitlines()
    assert lines.index("side: base") < lines.index("side: new")
    assert {line.split("\t")[0] for line in lines if line.startswith("Bench")} == {
        "BenchmarkSpawn/startup/popen/python"}


def test_a_name_is_one_word(run: runfile.Run) -> None:
    run.raw["cases"][0]["name"] = "startup/popen/./my%20 payload"
    text = export.benchstat(run, export.choose(run, ("ready",), re.compile("payload$")))
    assert text.count("BenchmarkSpawn/startup/popen/./my%2520%20payload\t") == 12


def histogram(text: str) -> tuple[list[tuple[Decimal, float, int]], dict[str, Decimal]]:
    rows = [line.split() for line in text.splitlines()[3:] if line[0] == " "]
    assert all(line[0] == " " for line in text.splitlines()[3:] if line[0] != "#")
    assert [len(row) for row in rows] == [4] * (len(rows) - 1) + [3]
    foot = dict(re.findall(r"([A-Z][\w ]*?) *= *([0-9.]+)", "\n".join(text.splitlines()[3:])))
    return [(Decimal(r[0]), float(r[1]), int(r[2])) for r in rows], {
        k: Decimal(v) for k, v in foot.items()}


def test_histogram_levels_are_hdrhistograms() -> None:
    """The first levels of any text that HdrHistogram prints with five ticks to the half."""
    expected = [0, 10, 20, 30, 40, 50, 55, 60, 65, 70, 75, 77.5, 80, 82.5, 85, 87.5, 88.75]
    assert [level for level, _ in zip(hgrm.levels(), expected)] == pytest.approx(expected)


@pytest.mark.parametrize("n", [1, 2, 9, 1000])
def test_histogram_of_samples_is_exact(n: int) -> None:
    spans = np.sort(np.random.default_rng(n).integers(100_000, 100_000 + 3 * n, n))
    rows, foot = histogram(hgrm.of_samples("x", spans))
    assert rows[-1] == (shifted(Decimal(int(spans[-1])), -3), 1.0, n)
    for value, level, count in rows:
        rank = max(1, int(np.ceil(round(level * n, 6))))
        assert value.scaleb(3) == int(spans[rank - 1])
        assert count == np.count_nonzero(spans <= spans[rank - 1])
    assert foot["Total count"] == n and foot["Max"].scaleb(3) == int(spans[-1])
    assert float(foot["Mean"].scaleb(3)) == pytest.approx(float(spans.mean()), 1e-14)
    assert float(foot["StdDeviation"].scaleb(3)) == pytest.approx(float(spans.std()), 1e-13)


def test_histogram_of_quantiles_says_so(reference: runfile.Run) -> None:
    case = reference.by_name["startup/popen/none"]
    n = case.raw["metrics"]["ready"]["n"]
    told = run_script(REFERENCE, "--format", "hgrm", "--only", "^startup/popen/none$")
    assert told.returncode == 0
    assert f"from 200 quantiles in run.json of {n} samples" in told.stdout.splitlines()[0]
    rows, foot = histogram(told.stdout)
    known = {exactly(v) for v in case.ecdf("ready")}
    assert all(shifted(value, 3) in known for value, _, _ in rows)
    assert all(count >= level * n - 1e-6 for _, level, count in rows)
    assert rows[0][2] == 1 and rows[-1][2] == n
    assert shifted(foot["Mean"], 3) == exactly(case.raw["metrics"]["ready"]["mean"])
    assert shifted(foot["Max"], 3) == exactly(case.raw["metrics"]["ready"]["max"])


def test_samples_are_those_of_the_figures(real: Path) -> None:
    """Each metric of each case, an open loop's and a meter's too: n, extremes, mean."""
    run, found = runfile.load(real), samples.Samples(real / samples.NAME)
    chosen = everything(run)
    assert {one.case.kind for one in chosen} == {"latency", "open"}
    assert any(one.case.is_meter for one in chosen)
    for one in chosen:
        spans = found.spans(one.case, one.metric)
        raw = one.raw
        assert (len(spans), spans[0], spans[-1]) == (raw["n"], raw["min"], raw["max"]), one.name
        assert float(f"{spans.mean():.15g}") == raw["mean"], one.name
        assert float(np.median(np.abs(spans - np.median(spans)))) == raw["mad"], one.name
        rows, foot = histogram(hgrm.of_samples(one.name, spans))
        assert shifted(foot["Mean"], 3) == exactly(raw["mean"])
        assert {shifted(value, 3) for value, _, _ in rows} <= {exactly(int(s)) for s in spans}


def test_histograms_are_a_file_each(real: Path, tmp_path: Path) -> None:
    told = run_script(real, "--format", "hgrm", "-o", tmp_path / "out", "--metric", "ready,worked")
    assert told.returncode == 0, told.stderr
    made = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert "tiny_popen_none_section=tiny_ready.hgrm" in made or "tiny_popen_none_ready.hgrm" in made
    assert len(made) == len(export.choose(runfile.load(real), ("ready", "worked"), re.compile(".")))
    told = run_script(real, "--format", "hgrm")
    assert told.returncode == 2 and "-o DIR" in told.stderr


def test_only_what_counted_is_in_the_histogram(folder: Path) -> None:
    """Not warm-ups, failures, what another case has, nor a visit that was made again: run.json
    does not know its order."""
    names = ("case", "order", "flags", "request_ns", "intended_ns", "ready_ns", "recorded_ns",
             "reaped_ns")
    fields = [[name, "<u4" if name in names[:3] else "<i8"] for name in names]
    rows = np.zeros(65, [tuple(f) for f in fields])
    rows["order"] = np.arange(65) % 12
    rows["request_ns"], rows["ready_ns"] = 1000, 2000 + np.arange(65)
    rows["recorded_ns"], rows["reaped_ns"] = 9000, 9000 - np.arange(65)
    rows["intended_ns"][10] = 500
    rows["flags"][60:62], rows["order"][62], rows["case"][63] = (1, 2), 99, 1
    rows["ready_ns"][64] = 0
    head = {"format": samples.FORMAT, "rows": 65, "fields": fields,
            "cases": ["startup/popen/python", "startup/vfork/python"]}
    with gzip.open(folder / samples.NAME, "wb") as file:
        file.write(json.dumps(head).encode() + b"\n" + rows.tobytes())
    run = runfile.load(folder)
    case = run.by_name["startup/popen/python"]
    found = samples.Samples(folder / samples.NAME)
    ready, teardown = case.metric("ready"), case.metric("teardown")
    assert ready and teardown
    assert found.spans(case, ready).tolist() == sorted(
        1000 + i + 500 * (i == 10) for i in range(60))
    assert found.between(case.name, "recorded", "ready").tolist() == [
        -7000 + i for i in range(65) if i not in (60, 61, 63, 64)]
    with pytest.raises(runfile.RunError, match="has no case x: it is of another run$"):
        found.between("x", "recorded", "ready")
    rows["ready_ns"][64], rows["flags"][64] = 1, 1
    with gzip.open(folder / samples.NAME, "wb") as file:
        file.write(json.dumps(head).encode() + b"\n" + rows.tobytes())
    assert set(samples.Samples(folder / samples.NAME).spans(case, teardown)) == {0}


def write_samples(path: Path, change: dict[str, Any], rows: int = 0) -> None:
    head = {"format": samples.FORMAT, "rows": 0, "row_bytes": 4, "fields": [["case", "<u4"]],
            "cases": ["startup/popen/none"], **change}
    with gzip.open(path, "wb") as file:
        file.write(json.dumps(head).encode() + b"\n" + b"\0" * 4 * rows)


@pytest.mark.parametrize(("change", "rows", "word"), [
    ({"format": "spawnmark-samples/9"}, 0, "spawnmark-samples/9"), ({}, 1, "1 rows, expected 0"),
    ({"cases": ["x"]}, 0, "another run"), ({"fields": []}, 1, "samples.bin.gz")])
def test_bad_samples_are_one_line(folder: Path, change: dict[str, Any], rows: int, word: str
                                  ) -> None:
    write_samples(folder / samples.NAME, change, rows)
    told = run_script(folder, "--format", "hgrm", "--only", "^startup/popen/python$")
    assert told.returncode == 2 and word in told.stderr and told.stderr.count("\n") == 1


def test_samples_cut_short(real: Path, tmp_path: Path) -> None:
    shutil.copy(real / "run.json", tmp_path)
    (tmp_path / samples.NAME).write_bytes((real / samples.NAME).read_bytes()[:-40])
    told = run_script(tmp_path, "--format", "hgrm", "-o", tmp_path / "out")
    assert told.returncode == 2 and told.stderr.count("\n") == 1


@pytest.mark.parametrize(("argv", "word"), [
    (["--format", "xml"], "hyperfine"), (["--format", "csv", "--metric", "startup"], "startup"),
    (["--format", "csv", "--only", "("], "'('"), ([], "--format"),
    (["--format", "csv", "--only", "^nothing$"], "^nothing$"),
    (["--format", "csv", "-o", "/nonexistent/x.csv"], "/nonexistent"),
    (["--format", "hgrm", "--metric", "reaped", "--only", "^startup/popen/python$"], "samples.bin.gz")])
def test_bad_usage(folder: Path, argv: list[str], word: str) -> None:
    told = run_script(folder, *argv)
    assert told.returncode == 2 and word in told.stderr.splitlines()[-1]
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("form", export.FORMATS, ids=lambda f: f.name)
def test_each_format_from_the_command_line(folder: Path, tmp_path: Path, form: export.Format
                                           ) -> None:
    argv = [folder, "--format", form.name, "--only", "^startup/popen/python$"]
    told, out = run_script(*argv), tmp_path / "file"
    assert told.returncode == 0, told.stderr
    assert run_script(*argv, "-o", out).stdout == "" and out.read_text() == told.stdout


def test_who_reads_may_be_gone() -> None:
    """`export.py … | head -0`: no word, and no failure."""
    with subprocess.Popen([sys.executable, SCRIPTS / "export.py", REFERENCE, "--format", "csv"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout and child.stderr
        child.stdout.close()
        assert (child.wait(60), child.stderr.read()) == (0, "")


# google-benchmark's own compare.py, as Debian has it.
COMPARE = Path("/usr/share/benchmark/compare.py")
google = pytest.mark.skipif(not COMPARE.exists(), reason="libbenchmark-tools: make setup")


def google_compare(*argv: str | Path) -> tuple[str, dict[str, Any]]:
    """What it prints, and what it found by name."""
    out = Path(argv[1]).parent / "difference.json"
    told = subprocess.run([sys.executable, COMPARE, "--no-color", "-d", out, *argv],
                          capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 0, told.stderr
    return told.stdout, {row["name"]: row for row in json.loads(out.read_text())}


def pair(golden: dict[str, Any], tmp_path: Path, factor: float) -> tuple[Path, Path]:
    """Two run.json: the second has popen's blocks times the factor, the others as they are."""
    base, new = tmp_path / "base.json", tmp_path / "new.json"
    base.write_text(json.dumps(golden))
    for row in golden["benchmarks"]:
        row["real_time"] *= factor if "/popen/" in row["name"] else 1
    new.write_text(json.dumps(golden))
    return base, new


@google
@pytest.mark.parametrize("factor", [1.5, 0.8])
def test_google_compare_finds_the_ratio(golden: dict[str, Any], tmp_path: Path, factor: float
                                        ) -> None:
    from scipy.stats import mannwhitneyu

    name = "startup/popen/python/ready"
    old = [b["real_time"] for b in golden["benchmarks"] if b["name"] == name]
    assert len(old) == 12
    text, found = google_compare("benchmarks", *pair(golden, tmp_path, factor))
    row = found[name]
    assert [m["time"] for m in row["measurements"]] == pytest.approx([factor - 1] * 12)
    assert [m["real_time"] for m in row["measurements"]] == old  # by repetition, one a block
    assert [m["cpu"] for m in row["measurements"]] == [0] * 12
    expected = mannwhitneyu(old, [v * factor for v in old], alternative="two-sided").pvalue
    assert row["utest"]["time_pvalue"] == pytest.approx(expected) and expected < 0.05
    assert row["utest"]["have_optimal_repetitions"]
    assert re.search(rf"{name}_pvalue +{expected:.4f} .*Repetitions: 12 vs 12\n", text)
    others = [m["time"] for n, r in found.items() if n not in (name, "OVERALL_GEOMEAN")
              for m in r["measurements"]]
    assert len(others) == 12 and set(others) == {0}


@google
def test_google_compare_reads_what_the_program_writes(real: Path) -> None:
    """Itself against itself: every metric, no change, and a mean that no zero has made zero."""
    run = runfile.load(real)
    _, found = google_compare("benchmarks", real / "run.json", real / "run.json")
    timed = [one for one in everything(run) if min(one.medians()) > 0]
    assert set(found) == {"OVERALL_GEOMEAN", *(one.name for one in timed)}
    for one in timed:
        assert [m["real_time"] for m in found[one.name]["measurements"]] == one.medians()
        assert {m["time"] for m in found[one.name]["measurements"]} == {0}
        if len(one.medians()) > 2:
            assert found[one.name]["utest"]["time_pvalue"] == 1
    [mean] = found["OVERALL_GEOMEAN"]["measurements"]
    assert mean["real_time"] == mean["real_time_other"] > 0 and mean["cpu_time"] > 0


@google
def test_google_compare_of_two_ways_in_one_run(real: Path) -> None:
    _, found = google_compare("filters", real / "run.json", "tiny/popen", "tiny/zygote")
    rows = [r for name, r in found.items() if name.endswith("/ready")]
    assert rows and all(m["time"] < 0 for m in rows[0]["measurements"])
