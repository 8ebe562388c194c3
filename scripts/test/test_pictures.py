# SPDX-License-Identifier: MIT
"""What the pictures and the page's first lines say, against figures that are known."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

import make_selfcheck
import pairs
import plots
import selfchecked
from answer import answer
from derive import groups, memory_rows
from page import page
from plots import curve, drift, forest, growth, percentiles, violins
from report import draw_all
from runfile import Run, new_side


def case(run: Run, name: str) -> Any:
    return run.by_name[name]


def only(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them take ten seconds."""
    monkeypatch.setattr(plots, "PLOTS", [p for p in plots.PLOTS if p.name == name])


# ---- the fit through a sweep ----

def test_fit_finds_the_line(run: Run) -> None:
    """make_golden: 70 µs + 6.3 µs per MiB under zygote; popen hardly grows."""
    scale = Run({**run.raw, "cases": [c for c in run.raw["cases"] if c["scenario"] == "scale"]},
                run.folder)
    lines = curve.points(scale, ("heap_mb",))
    fitted = curve.fit(lines["zygote"])
    assert fitted and fitted.fixed == pytest.approx(70e3, rel=1e-6)
    assert fitted.slope.value == pytest.approx(6300, rel=1e-6) and fitted.r2 > 0.9999
    assert fitted.slope.low <= 6300 <= fitted.slope.high < 1.2 * 6300
    assert curve._legend("zygote", lines["zygote"], fitted).startswith("zygote: 6.30 µs, ")
    popen = curve.fit(lines["popen"])
    assert popen and curve._legend("popen", lines["popen"], popen) == "popen: flat"
    assert curve.fit(lines["zygote"][:2]) is None


def test_a_bent_line_is_told_by_r2(run: Run) -> None:
    line = curve.points(run, ("heap_mb",))["zygote"]
    for value, c in line:
        if value == 64:
            c.raw["metrics"]["ready"]["p50"] *= 8
    fitted = curve.fit(line)
    assert fitted is None or fitted.r2 < 0.95


# ---- ratios ----

def test_forest_is_the_references_time_over_the_others(run: Run) -> None:
    found = {(g.case.strategy, g.metric): g.est for g in forest.gains(groups(run)[0], "popen")}
    assert found["zygote", "ready"].value == pytest.approx(400)
    assert found["vfork", "ready"].value == pytest.approx(400 / 398)
    assert ("popen", "ready") not in found
    other = {(g.case.strategy, g.metric): g.est for g in forest.gains(groups(run)[0], "zygote")}
    assert other["popen", "worked"].value == pytest.approx(2.9 / 403)
    assert all(e.ci and e.n == 12 for e in (*found.values(), *other.values()))


# ---- distributions ----

def test_percentile_curve_ends_at_the_slowest(run: Run) -> None:
    c = case(run, "startup/zygote/python")
    c.raw["metrics"]["ready"].update(n=1000, max=9e6)  # the file has 50 quantiles of them
    metric = c.metric("ready")
    xs, ys = percentiles._curve(c, metric)
    assert xs[-1] == pytest.approx(2000) and ys[-1] == 9e6
    assert len(xs) == len(c.ecdf("ready")) + 1
    assert xs == sorted(xs) and ys == sorted(ys)


def test_violins_are_level_with_their_median(run: Run) -> None:
    c = case(run, "startup/zygote/python")
    values = violins._relative(c)
    assert len(values) == 50 and sorted(values)[25] == pytest.approx(1, abs=0.01)


def test_drift_shows_blocks_in_time(run: Run, tmp_path: Path) -> None:
    c = case(run, "startup/zygote/python")
    for b in c.raw["blocks"]:
        b["at_ns"] = 10**9 * (100 - b["index"])  # the last block was measured first
    line = drift._line(c)
    assert [t for t, _ in line] == sorted(t for t, _ in line)
    assert line[0][1] == c.metric("ready").blocks[11]
    said = drift.draw(run, tmp_path / "drift")
    assert said and "zygote python" in said and "12 block medians from" in said


def test_growth_adds_up(run: Run) -> None:
    """The parts of a child's memory are its PSS; recycle and popen keep their own number alive."""
    for c, rows in growth._lines(run, "python"):
        alive, pieces = growth._pieces(rows)
        pss = next(m["pss_bytes"] for other, m in memory_rows(run, "python")
                   if other is c and m["alive"] == alive and m["at"] == "worked")
        assert sum(pieces) == pytest.approx(pss)
        assert alive == (16 if c.strategy == "popen" else 64)
        assert pieces[1] == pytest.approx(0.4 * 0.3 * pss)  # uss: 0.4; ready: 0.7 of worked


# ---- the answer ----

def test_answer(run: Run) -> None:
    said = answer(run)
    assert said.line.endswith("has python (numpy, pandas, pyarrow) ready in 1.00 ms, "
                              "400 × sooner than popen")
    which, much, price, isolated = said.cards
    assert which.answer == said.line.split()[0] and much.answer == "400 × [400, 400]"
    assert price.answer.endswith("MB") and "16 alive" in price.more[0]
    assert isolated.answer == "0 of 24" and "attacks" in isolated.more[-1]
    assert said.whole.startswith(f"{which.answer}: ")


def test_answer_of_what_was_not_measured(golden: dict[str, Any], tmp_path: Path) -> None:
    golden["cases"] = [c for c in golden["cases"] if c["kind"] == "latency"]
    golden["isolation"] = []
    cards = answer(Run(golden, tmp_path)).cards
    assert [c.answer for c in cards[2:]] == ["not measured", "not measured"]
    golden["cases"] = []
    said = answer(Run(golden, tmp_path))
    assert said.cards == () and said.line


def test_page_begins_with_it(run: Run) -> None:
    text = page(run, {})
    assert text.index("<h1>") < text.index('class="cards"') < text.index("<nav>")
    assert text.index("Which strategy") < text.index("By how much") < text.index("At what price")


# ---- a run of pairs ----

@pytest.fixture
def paired(golden: dict[str, Any], tmp_path: Path) -> Run:
    """Every startup case has a base that is 10 % faster."""
    for c in list(golden["cases"]):
        if c["scenario"] == "startup":
            base = copy.deepcopy(c)
            base.update(name=f"{c['name']}@base", side="base")
            for m in base["metrics"].values():
                m.update(p50=m["p50"] / 1.1, blocks=[b / 1.1 for b in m["blocks"]])
            c["side"] = "new"
            golden["cases"].append(base)
    return Run(golden, tmp_path)


def test_pairs(paired: Run) -> None:
    found = pairs.pairs(paired)
    assert found and all(p.ratio and p.ratio.value == pytest.approx(1.1) for p in found)
    assert {p.verdict.word for p in found} == {"slower"}
    assert not any(p.case.endswith("@base") for p in found)
    text = page(paired, {})
    assert 'id="pairs"' in text and text.count("@base") == 0
    assert text.count('<span class="slower">') == len(found)


def test_an_ordinary_run_has_none(run: Run) -> None:
    assert pairs.pairs(run) == [] and 'id="pairs"' not in page(run, {})


def test_pictures_show_the_new_side_alone(paired: Run, tmp_path: Path,
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    only("startup", monkeypatch)
    said = draw_all(paired, tmp_path / "plots")
    assert said["startup"] == draw_all(new_side(paired), tmp_path / "plots")["startup"]
    assert said["startup"].count("zygote") == 2  # python and none


# ---- the selfcheck ----

def test_selfcheck(golden: dict[str, Any], tmp_path: Path,
                   monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(golden, tmp_path / "run")
    mark = golden["context"]["spawnmark"]
    absent = page(run, {})
    assert "make selfcheck" in absent[absent.index('id="selfcheck"'):]
    make_selfcheck.write_beside(run.folder, "0" * 16)
    assert selfchecked.selfcheck_of(run) is None, "of another machine"
    make_selfcheck.write_beside(run.folder, mark["fingerprint"])
    text = page(run, {})
    part = text[text.index('id="selfcheck"'):]
    assert "2 of 120, at most 4.7 %" in part and "1.5 %" in part
    assert "50 of 60 verdicts turned to inconclusive" in part
    only("aa", monkeypatch)
    said = draw_all(run, tmp_path / "plots")["aa"]
    assert "2 of 120" in said and "Of 5 % slower, 60 of 60 found" in said
