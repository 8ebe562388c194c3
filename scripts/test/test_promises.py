# SPDX-License-Identifier: MIT
"""Claims that are rows (figures.py), who wins among all strategies, and the screen that tells."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import SCRIPTS

import make_golden
import runfile
import summary
import switches
from derive import groups, winner
from figures import FIGURES, figures, markdown
from sentence import sentence
from test_report import report
from verdict import MET, NOT_CROSSES, NOT_MEASURED, NOT_MET, OPEN, RECORDED, Claim


def found(run: runfile.Run, text: str) -> Claim:
    return next(c for c in figures(run) if c.text == text)


def case(raw: dict[str, Any], name: str) -> dict[str, Any]:
    return next(c for c in raw["cases"] if c["name"] == name)


def test_all_are_met(whole: runfile.Run) -> None:
    made = figures(whole)
    assert {c.verdict for c in made} == {MET, RECORDED}
    assert sum(c.verdict == RECORDED for c in made) == 4
    assert [c.value for c in made] == [
        "15.0 µs", "16.0 µs", "-30.0 µs", "0 (median), 0 (most)", "0 (median), 0 (most)",
        "19.3 ×", "2690 ×", "2690 ×", "11.0 MB", "9.00 MB", "1.01 ×", "1.02 ×", "0.700 ×", "0.750 ×", "700 µs", "35.0 µs",
        "0 lost, 0 zombies, RSS + 90.0 kB", "0 lost, 0 zombies, RSS + 90.0 kB"]
    assert made[0].interval == "[14.4, 15.6]" and made[0].n == "12"
    assert made[2].interval == "[-31.2, -28.8]"  # 150 - 1.5 × 120, in every block alike
    assert made[3].interval == "none in 60 of 60" and made[-1].n == "1000000 spawns"


def scale(raw: dict[str, Any], name: str, metric: str, factor: float) -> None:
    m = case(raw, name)["metrics"][metric]
    m["p50"] *= factor
    m["p50_ci"] = [end * factor for end in m["p50_ci"]]
    m["blocks"] = [b * factor for b in m["blocks"]]


def late(name: str, metric: str, factor: float) -> Callable[[dict[str, Any]], None]:
    return lambda raw: scale(raw, name, metric, factor)


def one_fault(raw: dict[str, Any]) -> None:
    case(raw, "startup/pool/python/warm=yes")["faults"].update(none=59, max=1)


def slow_load(raw: dict[str, Any]) -> None:
    for b in case(raw, "throughput/zygote3/none")["throughput"][0]["blocks"]:
        b["children_per_cpu_s"] *= 0.8


def lost(raw: dict[str, Any]) -> None:
    case(raw, "soak/pool/none")["blocks"][0]["failed"] = 1


def grown(raw: dict[str, Any]) -> None:
    case(raw, "soak/pool/none")["soak_flat"] = False


def short(raw: dict[str, Any]) -> None:
    case(raw, "soak/pool/none")["soak"][-1]["spawns"] = 999_999


BROKEN = {  # what must be told when the run says otherwise
    "python ready: pool": late("startup/pool/python/warm=no", "ready", 1.8),
    "python ready: warm pool": late("startup/pool/python/warm=yes", "ready", 1.7),
    "python worked: warm pool − 1.5 × recycle": late("startup/recycle/python", "worked", 0.5),
    "python worked: warm pool, page faults since hand-out": one_fault,
    "python worked: zygote ÷ warm pool": late("startup/zygote/python", "worked", 0.4),
    "python worked, a sum: popen ÷ warm pool":
        late("small/popen/python", "worked", 0.3),
    "python ready: zygote3 ÷ zygote": late("startup/zygote3/python", "ready", 1.1),
    "python entered: zygote3 ÷ floor": late("startup/zygote3/python", "entered", 1.1),
    "none children/CPU·s: zygote3 ÷ raw, 1 in flight": slow_load,
    "sandbox full: zygote3 ready − none": late("sandbox/zygote3/python/sandbox=full", "ready", 1.2),
    "sandbox full: pool ready": late("sandbox/pool/python/sandbox=full", "ready", 2),
    "soak: pool": lost,
}


@pytest.mark.parametrize("text", BROKEN)
def test_what_does_not_hold_is_told(everything: dict[str, Any], whole: runfile.Run,
                                    text: str) -> None:
    """In its row, on the screen and in the table: in plain words."""
    BROKEN[text](everything)
    broken = found(whole, text)
    assert broken.verdict == NOT_MET and broken.holds == "no"
    screen = summary.summary(whole)
    assert f"NOT MET {text}"[:60] in screen
    assert f"| {text} | {broken.bound} |" in markdown([broken])
    assert markdown([broken]).rstrip().endswith("| no |")


def test_full_sandbox_of_startup_comes_first(everything: dict[str, Any],
                                             whole: runfile.Run) -> None:
    """Beside the plain case of the same run, paired by block: 1.51 - 1.01 ms."""
    base = case(everything, "startup/zygote3/python")
    name = "startup/zygote3/python/sandbox=full"
    everything["cases"].append({**copy.deepcopy(base), "name": name, "sandbox": "full",
                                "section": "python-full", "params": {"sandbox": "full"}})
    scale(everything, name, "ready", 1.51 / 1.01)
    made = found(runfile.Run(everything, whole.folder), "sandbox full: zygote3 ready − none")
    assert (made.value, made.interval, made.verdict) == ("500 µs", "[480, 520]", MET)
    rows = {r.case.variant: r for g in groups(runfile.Run(everything, whole.folder))
            for r in g.rows if g.section == "python-full"}
    assert rows["zygote3 full"].inherited is None  # another sandbox was attacked, or none


@pytest.mark.parametrize(("change", "verdict"), [(grown, NOT_MET), (short, OPEN)])
def test_a_soak_must_be_flat_and_whole(everything: dict[str, Any], whole: runfile.Run,
                                       change: Callable[[dict[str, Any]], None],
                                       verdict: str) -> None:
    change(everything)
    assert found(whole, "soak: pool").verdict == verdict
    assert found(whole, "soak: zygote3").verdict == MET


def test_an_interval_that_crosses_says_so(everything: dict[str, Any], whole: runfile.Run) -> None:
    scale(everything, "startup/pool/python/warm=no", "ready", 25.2 / 15)
    made = found(whole, "python ready: pool")
    assert made.verdict == NOT_CROSSES and made.holds == "no, but the interval crosses the bound"


def test_every_figure_needs_its_own_cases(golden: dict[str, Any], run: runfile.Run) -> None:
    """Without the new strategies nothing is judged, and the needs are named."""
    made = figures(run)
    assert {c.verdict for c in made} == {NOT_MEASURED}
    assert all(c.needs and c.holds == "not measured" for c in made)
    assert len({f.text for f in FIGURES}) == len(FIGURES)


def test_warm_pool_wins_and_controls_never(everything: dict[str, Any], whole: runfile.Run) -> None:
    """recycle is sooner by worked; cold and warm pool are level by ready when blocks say so."""
    scale(everything, "startup/recycle/python", "ready", 0.1)
    w = winner(groups(whole)[0])
    assert w and w.case.variant == "pool cold"  # 15 µs against 16, in every block
    blocks = case(everything, "startup/pool/python/warm=yes")["metrics"]["ready"]["blocks"]
    blocks[:] = [b * 15.1 / 16 for b in blocks[::-1]]
    again = runfile.Run(everything, whole.folder)
    w = winner(groups(again)[0])
    assert w and w.case.variant == "pool warm"
    said = sentence(again)
    assert said.startswith("pool warm: python (numpy, pandas, pyarrow) ready in 16.0 µs")
    assert "first work done after 150 µs" in said and "11.0 MB PSS for each that waits" in said
    assert "recycle" not in said and "fork (" not in said


def test_variants_of_a_pool_are_told_apart(whole: runfile.Run) -> None:
    rows = {r.case.variant: r for r in groups(whole)[0].rows}
    assert rows["pool cold"].idle == 9e6 and rows["pool warm"].idle == 11e6
    assert rows["pool cold"].pss == 13e6 and rows["pool warm"].pss == 14e6
    assert rows["zygote3"].idle is None
    assert whole.by_name["throughput/pool/none"].same_way(whole.by_name["startup/pool/none"])


def test_one_process_keeps_no_other_from_comparison(everything: dict[str, Any],
                                                     whole: runfile.Run) -> None:
    one = case(everything, "memory/recycle/python")
    one["memory"] = [m for m in one["memory"] if m["alive"] == 1]
    group = groups(runfile.Run(everything, whole.folder))[0]
    rows = {r.case.variant: r for r in group.rows}
    assert group.alive == 16 and rows["recycle"].pss == 80e6 and rows["pool warm"].pss == 14e6


def test_one_screen_of_eleven(whole: runfile.Run) -> None:
    lines = summary.summary(whole).splitlines()
    assert len(lines) <= 45 and max(map(len, lines)) <= 100
    for strategy in runfile.STRATEGY_ORDER:
        assert any(line.startswith(strategy) for line in lines), strategy
    popen = next(line for line in lines if line.startswith("popen "))
    assert "400 ms" in popen  # each cell its own unit: no six digits of µs
    assert any(line.startswith("claims: ") for line in lines)
    assert "PSS of each idle child: pool cold python 9.00 MB" in " ".join(lines)


def test_report_of_eleven(everything: dict[str, Any], tmp_path: Path) -> None:
    """No warning, every strategy in the pictures, the claims as a table."""
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(everything), encoding="utf-8")
    assert runfile.check(everything) == []
    told = report(folder)
    assert (told.returncode, told.stderr) == (0, "")
    text = (folder / "summary.md").read_text(encoding="utf-8")
    assert text.count("| yes |") >= 13 and "## What was promised" in text
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "python worked, a sum: popen ÷ warm pool" in page and "idle 11.0 MB" in page


def test_what_a_switch_changes(everything: dict[str, Any], whole: runfile.Run) -> None:
    """Cases that differ in the option alone; what has no other side is no row."""
    assert switches.switches(whole) == [] and switches.markdown(whole) == ""
    base = case(everything, "startup/zygote3/python")
    for value, factor in (("no", 1), ("yes", 0.5)):
        name = f"accel/zygote3/python/freeze={value}"
        one = {**copy.deepcopy(base), "name": name, "scenario": "accel", "section": "python-freeze",
               "params": {"freeze": value, "section": "python-freeze"}}
        everything["cases"].append(one)
        for metric in ("ready", "worked"):
            scale(everything, name, metric, factor)
        held = make_golden._memory("zygote3", {"freeze": value}, 10e6 * factor, None)
        everything["cases"].append({**held, "scenario": "accel", "section": "python-memory"})
    alone = {**copy.deepcopy(base), "name": "accel/zygote3/python/trim=yes", "scenario": "accel",
             "params": {"trim": "yes"}}
    everything["cases"].append(alone)
    (switch,) = switches.switches(runfile.Run(everything, whole.folder))
    assert switches.cells(switch)[2:] == [
        "freeze", "0.500 × [0.500, 0.500]", "0.500 × [0.500, 0.500]", "1.00 × [1.00, 1.00]",
        "10.0 MB → 5.00 MB", "60.0 MB → 60.0 MB", "60 in 12"]
    assert "| zygote3 | python" in switches.markdown(runfile.Run(everything, whole.folder))


def test_scenario_names_are_strategies_known_to_the_reports() -> None:
    """A strategy that a scenario names has its place and its colour."""
    from plots import style

    names = set()
    for path in sorted((SCRIPTS.parent / "scenarios").glob("*.ini")):
        text = path.read_text(encoding="utf-8").replace(",\n", ",")  # a list that goes on
        for line in text.splitlines():
            if line.startswith("strategy ="):
                names |= {word.strip() for word in line.partition("=")[2].split(",")}
    meters = {"noop", "raw"}
    assert names - meters <= set(runfile.STRATEGY_ORDER)
    assert names <= style.STRATEGY_COLOURS.keys()
