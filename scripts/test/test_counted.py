# SPDX-License-Identifier: MIT
"""A run whose clock counts instructions: no output of it tells a time, and every one says so."""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

import compare
import export
import make_golden
import make_kernels
import margins
import nway
import runfile
import summary
import units
from make_kernels import counted, kernels, put
from page import page
from plots import PLOTS
from report import draw_all
from several import Several
from stats import Estimate

Raw = dict[str, Any]
ONCE = f"All figures are {units.WARNING}"
#: A number with a unit of time behind it; the plan's own text has such settings.
TIME = re.compile(r"\d\s?(?:ns|µs|ms|s)\b|per CPU-second|CPU·s|\bµs\b")


def visible(text: str) -> str:
    """What a page shows, without its plan: scripts, styles and pictures are no text."""
    text = re.sub(r"<(script|style|pre|svg)\b.*?</\1>", " ", text, flags=re.S)
    return unescape(re.sub(r"<[^>]*>", " ", text))


def times_in(text: str) -> list[str]:
    return [text[max(0, m.start() - 40):m.end() + 20] for m in TIME.finditer(text)]


@pytest.fixture
def run(golden: Raw, tmp_path: Path) -> runfile.Run:
    raw = kernels(golden)
    assert runfile.check(raw) == []
    return runfile.Run(raw, tmp_path / "k")


# ---- numbers ----

def test_units() -> None:
    assert units.time(70_120, (70_000, 70_300)) == "70.1 µs [70.0, 70.3]"
    with units.counting(units.INSTRUCTIONS):
        assert units.time(70_120, (70_000, 70_300)) == "70.1 k instructions [70.0, 70.3]"
        assert units.cell(70_120, (70_000, 70_300)) == "70.1 k [70.0, 70.3]"
        assert units.time(940) == "940 instructions" and units.cell(940) == "940"
        assert units.time(3.1e9) == "3.10 G instructions" and units.tick(2e6) == "2 M"
        assert units.head("ready") == "ready, instructions" and units.verdict("slower") == "more"
        assert units.times(Estimate(2.0, None, 1)) == "2.00 ×", "a ratio has no unit"
    assert units.head("ready") == "ready" and units.verdict("slower") == "slower"
    assert units.warning() == "", "only within"


def test_schema(golden: Raw) -> None:
    assert runfile.Run(golden, Path("x")).clock == "time", "a file that does not say"
    raw = counted(golden)
    assert runfile.check(raw) == [] and runfile.Run(raw, Path("x")).clock == "instructions"
    raw["context"]["spawnmark"]["clock"] = {"kind": "cycles", "note": ""}
    assert any("clock" in line for line in runfile.check(raw))


# ---- one run ----

def test_the_search_for_times_finds_them(golden: Raw, tmp_path: Path) -> None:
    """Else the tests below would prove nothing."""
    raw = kernels(golden)
    raw["context"]["spawnmark"].pop("clock")
    timed = runfile.Run(raw, tmp_path)
    assert len(times_in(summary.summary(timed))) > 2
    assert len(times_in(visible(page(timed, {})))) > 20


def test_summary_tells_no_time(run: runfile.Run) -> None:
    for text in (summary.summary(run), summary.markdown(run)):
        assert times_in(text) == []
        assert text.count(ONCE) == 1 and "k instr" in text
        assert "10⁹ instr" in text and "sooner" not in text and "fewer than popen" in text


def test_page_tells_no_time(run: runfile.Run) -> None:
    shown = visible(page(run, {}))
    assert times_in(shown) == [] and shown.count(ONCE) == 1
    assert "ready p50, instructions" in shown and "− none k instructions" in shown


def test_other_scenarios_tell_no_time(tmp_path: Path) -> None:
    """Whatever section of a report: the golden run with all of them, but its promises."""
    raw = counted(make_golden.everything())
    keep = ("latency", "memory", "isolation")  # the other kinds are refused by --clock icount
    raw["cases"] = [c for c in raw["cases"] if c["kind"] in keep]
    raw["context"]["spawnmark"]["plan"]["scenarios"] = []
    run = runfile.Run(raw, tmp_path)
    assert times_in(summary.summary(run)) == []
    found = [t for t in times_in(visible(page(run, {}))) if "uptime" not in t]
    assert found == []


def test_pictures_say_what_they_count(run: runfile.Run, tmp_path: Path,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text of every picture, as it is drawn, and its alternative."""
    from plots import style

    told: dict[str, list[str]] = {}
    write = style.write

    def note(fig: Any, out: Path) -> None:
        fig.draw_without_rendering()
        told[out.name] = [t.get_text() for t in fig.findobj(style.plt.Text)]
        write(fig, out)

    monkeypatch.setattr(style, "write", note)
    monkeypatch.setattr("intwo.os.cpu_count", lambda: 1)  # in this process, which sees it
    drawn = draw_all(run, tmp_path)
    assert {"startup", "heap", "sandbox", "phases"} <= drawn.keys()
    for name, texts in told.items():
        assert times_in("\n".join(texts)) == [], name
        assert any(units.WARNING in t for t in texts), name
    for name, said in drawn.items():
        assert times_in(said) == [], name
    startup = [t for t in told["startup"] if t == units.INSTRUCTIONS]
    assert startup, "the axis has its label"
    assert len(PLOTS) >= len(drawn)


def test_no_promise_is_judged(run: runfile.Run) -> None:
    from claims import claims

    assert claims(run) == [] and "promised" not in summary.markdown(run)


# ---- two runs ----

def compared(tmp_path: Path, *runs: Raw, more: tuple[str, ...] = ()) -> tuple[int, str, str]:
    folders = [put(r, tmp_path / f"r{i}") for i, r in enumerate(runs)]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = compare.main([*map(str, folders), *more])
    return code, out.getvalue(), err.getvalue()


def test_compare(golden: Raw, tmp_path: Path) -> None:
    new = kernels(golden, kernel="6.12.43+deb12-amd64", factor=1.1)
    code, text, _ = compared(tmp_path, kernels(golden), new)
    assert code == 1 and "take more instructions: " in " ".join(text.split())
    assert times_in(text) == [] and text.count(ONCE) == 1
    assert "margin: 5 %" in " ".join(text.split()) and " more\n" in text
    code, text, _ = compared(tmp_path, kernels(golden), new, more=("--format", "md"))
    assert times_in(text) == [] and text.count(ONCE) == 1


def test_ten_per_cent_are_found_and_one_is_none(golden: Raw, tmp_path: Path) -> None:
    for factor, word in ((1.1, "slower"), (0.9, "faster"), (1.01, "equivalent")):
        _, text, _ = compared(tmp_path, kernels(golden), kernels(golden, factor=factor),
                              more=("--format", "json"))
        raw = json.loads(text)
        found = {r["verdict"] for r in raw["against"][0]["results"] if r["family"]}
        assert found == {word}, factor
        assert {r["unit"] for r in raw["against"][0]["results"] if r["metric"] == "ready"} == {
            "instructions"}
        assert raw["base"]["clock"] == "instructions"


def test_a_crowded_guest_is_no_noise(golden: Raw, tmp_path: Path) -> None:
    """Its tasks wait for its one CPU while no instruction of another counts; in time they would."""
    runs = [kernels(golden), kernels(golden, kernel="6.12.43+deb12-amd64", factor=1.1)]
    crowd = {"wall_ns": 8042317, "cpus": 1, "steal_share": 0.0, "others_ns": 2316000,
             "psi_some_ns": 791000, "psi_some_avg10_percent": 0.0, "clock_khz": None, "load1": 0.0,
             "runnable_tasks": 9}
    for raw in runs:
        for block in (b for c in raw["cases"] for b in c["blocks"]):
            block["noise"] = crowd
    _, text, _ = compared(tmp_path, *runs, more=("--format", "json"))
    words = {r["verdict"] for r in json.loads(text)["against"][0]["results"] if r["family"]}
    assert words == {"slower"}
    several = Several([runfile.Run(raw, tmp_path / str(i)) for i, raw in enumerate(runs)])
    line = several.line(next(c.name for c in several.runs[0].cases if c.metric("ready")))
    verdict = line.verdicts("ready")[1]
    assert verdict and verdict.word == "slower" and verdict.noise is None
    timed = replace(line, counted=False).verdicts("ready")[1]
    assert timed and timed.word == "inconclusive" and timed.noise


def test_page_of_a_comparison(golden: Raw, tmp_path: Path) -> None:
    out = tmp_path / "c.html"
    compared(tmp_path, kernels(golden), kernels(golden, factor=1.2), more=("--html", str(out)))
    shown = visible(out.read_text(encoding="utf-8"))
    assert times_in(shown) == [] and shown.count(ONCE) == 1


def test_instructions_by_time_is_refused(golden: Raw, tmp_path: Path) -> None:
    for force in ((), ("--force",)):
        code, _, err = compared(tmp_path, golden, counted(golden), more=force)
        assert code == 2 and "counts instructions" in err and err.count("\n") == 1


def test_margin(run: runfile.Run, golden: Raw, tmp_path: Path) -> None:
    assert margins.margins([run, run], None).of("ready") == 0.05
    timed = runfile.Run(golden, tmp_path)
    assert margins.margins([timed, timed], None).of("ready") >= 0.02


# ---- exports ----

def exported(folder: Path, form: str, *more: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = export.main([str(folder), "--format", form, *more])
    return code, out.getvalue(), err.getvalue()


def test_exports_say_what_they_count(golden: Raw, tmp_path: Path) -> None:
    folder = put(kernels(golden), tmp_path / "k")
    rows = json.loads(exported(folder, "github-action-benchmark")[1])
    assert {r["unit"] for r in rows} == {"instructions"}
    header = next(csv.reader(io.StringIO(exported(folder, "csv")[1])))
    assert header[-1] == "median_instructions"
    assert "ready-instructions/op" in exported(folder, "benchstat")[1]


@pytest.mark.parametrize("form", ("hyperfine", "hgrm"))
def test_forms_that_know_seconds_alone_are_refused(golden: Raw, tmp_path: Path, form: str) -> None:
    code, out, err = exported(put(kernels(golden), tmp_path / "k"), form)
    assert (code, out) == (2, "") and "counts instructions" in err and err.count("\n") == 1


# ---- several runs ----

def side_by_side(golden: Raw, place: Path) -> Several:
    """Three kernels, and a run of this very machine."""
    raws = (kernels(golden), kernels(golden, kernel="6.12.43+deb12-amd64", factor=0.8),
            kernels(golden, "qemu-arm64", "6.12.43+deb12-arm64", 1.3, "aarch64"))
    return Several([runfile.Run(r, place / f"k{i}") for i, r in enumerate(raws)])


def test_side_by_side(golden: Raw, tmp_path: Path) -> None:
    several = side_by_side(golden, tmp_path)
    text = "\n".join(nway.lines(several))
    assert times_in(text) == [] and text.count(ONCE) == 1 and "k instructions" in text
    shown = visible(nway.render(several, tmp_path, {}))
    assert times_in(shown) == [] and shown.count(ONCE) == 1
    assert "Verdicts with a margin of 5 %" in shown and "fewer" in shown
    titles = [title for title, _ in nway.tables(several)]
    assert titles[0].startswith("kernels · ") and len(titles) == 3, titles


def test_pictures_of_kernels(golden: Raw, tmp_path: Path) -> None:
    drawn = nway.draw_all(side_by_side(golden, tmp_path), tmp_path / "plots")
    assert {"changed", "heaps", "layers"} <= drawn.keys()
    for name, said in drawn.items():
        assert times_in(said) == [] and any(c.isdigit() for c in said)
        assert (tmp_path / "plots" / f"{name}.png").stat().st_size > 10_000
    assert re.search(r"zygote: \S+ M? ?\w* ?instructions on .*, .* \(0\.800 ×", drawn["changed"])


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Every figure that is drawn, by name; none is written."""
    from plots import style

    kept: dict[str, Any] = {}
    monkeypatch.setattr("intwo.os.cpu_count", lambda: 1)  # in this process, which sees it
    monkeypatch.setattr(style, "write", lambda fig, out: kept.update({out.name: fig}))
    return kept


def marks(ax: Any) -> list[tuple[float, float]]:
    """x and y of all that are no line and no legend."""
    return [(x, y) for line in ax.lines if line.get_marker() not in ("", "None", None)
            and line.get_transform() == ax.transData for x, y in zip(*line.get_data())]


def ready(run: runfile.Run, section: str, strategy: str, **params: str) -> list[runfile.Case]:
    return [c for c in run.cases if c.section == section and c.strategy == strategy
            and params.items() <= c.params.items()]


def test_marks_of_how_it_changed(golden: Raw, figures: dict[str, Any], tmp_path: Path) -> None:
    """A mark for each strategy and kernel at its value, the ratio to the first beside it."""
    several = side_by_side(golden, tmp_path)
    nway.draw_all(several, tmp_path)
    ax = figures["changed"].axes[0]
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert {"popen", "fork", "zygote"} <= set(names)
    lines = {line.case.variant: line for line in next(iter(several.families)).lines}
    for row, name in enumerate(names):
        own = lines[name].metrics("ready")
        assert len(own) == 3 and sorted(x for x, y in marks(ax) if abs(y - row) < 0.5) == sorted(m.p50 for m in own if m)
    ratios = [t.get_text() for t in ax.texts]
    assert ratios == ["2 ÷ 1", *["0.80"] * len(names), "3 ÷ 1", *["1.30"] * len(names)]
    for part in (several.clocks[0], Several(several.runs[:1])):
        figures.clear()
        nway.draw_all(part, tmp_path)
        assert ("changed" in figures) == (len(part.runs) > 1), "one kernel has nothing to differ from"


def test_marks_of_heaps(golden: Raw, figures: dict[str, Any], tmp_path: Path) -> None:
    """A panel for each kernel, all of one height; huge pages are dashed."""
    several = side_by_side(golden, tmp_path)
    for run in several.runs:
        huge = [json.loads(json.dumps(c)) for c in run.raw["cases"] if c["section"] == "heap"]
        for c in huge:
            c["params"]["heap_pages"], c["name"] = "thp", c["name"].replace("=4k", "=thp")
            c["metrics"]["ready"]["p50"] = round(c["metrics"]["ready"]["p50"] / 2)
        run.raw["cases"] += huge
    several = Several([runfile.Run(r.raw, r.folder) for r in several.runs])
    drawn = nway.draw_all(several, tmp_path)
    panels = figures["heaps"].axes
    assert len(panels) == 3 and len({ax.get_ylim() for ax in panels}) == 1
    for run, ax in zip(several.runs, panels):
        wanted = {}
        for c in (c for c in run.cases if c.section == "heap" and c.strategy == "zygote"):
            of = wanted.setdefault(c.params["heap_pages"], [])
            of.append((float(c.params["heap_mb"]), c.metric("ready").p50))
        lines = {("-" if line.get_linestyle() == "-" else "dashed",
                  *zip(*line.get_data())) for line in ax.lines}
        assert ("-", *sorted(wanted["4k"])) in lines and ("dashed", *sorted(wanted["thp"])) in lines
        low, high = ax.get_ylim()
        assert all(low <= y <= high for line in ax.lines for y in line.get_data()[1])
    first = sorted((float(c.params["heap_mb"]), c.metric("ready").p50)
                   for c in ready(several.runs[0], "heap", "zygote", heap_pages="4k"))
    with units.counting(units.INSTRUCTIONS):
        said = "zygote {} at {:g} MiB, {} at {:g}".format(
            units.time(first[0][1]), first[0][0], units.time(first[-1][1]), first[-1][0])
    assert said in drawn["heaps"] and "4 KiB pages" in "".join(
        t.get_text() for t in figures["heaps"].findobj(lambda o: hasattr(o, "get_text")))
    several.runs[0].environment["page_bytes"] = 16384
    nway.draw_all(several, tmp_path)
    said = "".join(t.get_text() for t in figures["heaps"].findobj(lambda o: hasattr(o, "get_text")))
    assert "4 KiB" not in said and "small pages" in said


def test_marks_of_layers(golden: Raw, figures: dict[str, Any], tmp_path: Path) -> None:
    """What each adds to the same without a sandbox; that one is no row."""
    from sandboxes import signed, tables

    several = side_by_side(golden, tmp_path)
    drawn = nway.draw_all(several, tmp_path)
    with units.counting(units.INSTRUCTIONS):
        each = [next(iter(tables(r))) for r in several.runs]
    panels = {ax.get_title("left") or ax.get_title(): ax for ax in figures["layers"].axes}
    assert set(panels) == {"popen", "zygote"}
    names = [t.get_text() for t in figures["layers"].axes[0].get_yticklabels()]
    assert names and "none" not in names
    for strategy, ax in panels.items():
        for row, layer in enumerate(names):
            own = [p.added.value for t in each if (p := t.at(layer, strategy)) and p.added]
            assert sorted(x for x, y in marks(ax) if abs(y - row) < 0.4) == sorted(own), (layer, own)
            with units.counting(units.INSTRUCTIONS):
                said = [f"{layer} {signed(p.added)}" for t in each
                        if (p := t.at(layer, strategy)) and p.added]
            assert all(text in drawn["layers"] for text in said)
    assert any(p.added and p.added.value > 0 for t in each for p in t.rows)
    assert "none 0" not in drawn["layers"]


def test_clocks_are_kept_apart(golden: Raw, tmp_path: Path) -> None:
    """Instructions have no ratio to times: each has tables and pictures of its own."""
    counting = side_by_side(golden, tmp_path).runs[:2]
    timed = [runfile.Run(golden, tmp_path / "t0"), runfile.Run(
        make_kernels.kernels(golden), tmp_path / "t1")]
    timed[1].raw["context"]["spawnmark"].pop("clock")
    timed[1].raw["context"]["host_name"] = "metal"
    several = Several([counting[0], timed[0], counting[1], timed[1]])
    apart = {part.clock: [several.labels.index(x) for x in part.labels]
             for part in several.clocks}
    assert apart == {"instructions": [0, 2], "time": [1, 3]}
    drawn = nway.draw_all(several, tmp_path / "plots")
    assert {"changed", "levels"} <= drawn.keys()
    text = nway.render(several, tmp_path / "plots", drawn)
    shown = visible(text)
    assert shown.count("Runs whose clock counts instructions") == 2 and "ms" in shown
    assert text.count("<svg ") == len(drawn)


def test_advice_is_refused(golden: Raw, tmp_path: Path) -> None:
    from advice import load_runs

    with pytest.raises(runfile.RunError, match="counts instructions"):
        load_runs([put(counted(golden), tmp_path / "k")])


def test_terminal_has_every_strategy(golden: Raw, tmp_path: Path) -> None:
    """What `make kernels` ends with: counts, ratios and verdicts, strategy × kernel."""
    lines = nway.lines(side_by_side(golden, tmp_path))
    row = re.compile(r"zygote +\S+ k +\S+ k 0\.800 fewer +\S+ k 1\.30 more")
    assert len([x for x in lines if row.fullmatch(x)]) == 1, lines
