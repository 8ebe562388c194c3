# SPDX-License-Identifier: MIT
"""selfcheck: on synthetic runs whose truth is known, and once on real ones."""

from __future__ import annotations

import configparser
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import SCRIPTS
from scipy.stats import binom

import runfile
import selfcheck
import selfcheck_judge as judge
import selfcheck_plan as plan
from selfcheck_judge import MET, NOT_MET, RECORDED, TOO_FEW, Share
from verdicts import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER, Verdict

ROOT = SCRIPTS.parent
SCHEMA = SCRIPTS / "selfcheck.schema.json"


def trial(word: str, size: float = 0.0, ratio: float = 1.0, truth: float = 1.0,
          interval: tuple[float, float] | None = (0.99, 1.01)) -> plan.Trial:
    low, high = interval or (None, None)
    return plan.Trial(1, "selfcheck/zygote3/none", "none", "zygote3", "ready", size,
                      round(size * 1e5), truth, Verdict(ratio, low, high, 24, 24, word))


@pytest.mark.parametrize(("k", "n"), [(0, 200), (10, 200), (3, 60), (57, 60)])
def test_bounds_are_exact(k: int, n: int) -> None:
    """Clopper and Pearson: at the bound, what was seen or more (fewer) has probability 5 %."""
    of = Share(k, n)
    assert binom.cdf(k, n, of.upper) == pytest.approx(0.05)
    assert of.lower == 0 if k == 0 else binom.sf(k - 1, n, of.lower) == pytest.approx(0.05)
    assert Share(n, n).upper == 1.0 and Share(0, 0).value is None


@pytest.mark.parametrize(("k", "n", "verdict"), [
    (0, 200, MET), (10, 200, MET), (11, 200, NOT_MET), (40, 200, NOT_MET),
    (0, 20, TOO_FEW), (3, 20, TOO_FEW), (10, 20, NOT_MET),  # for certain, however few
    (0, 0, TOO_FEW), (24, 480, MET), (25, 480, NOT_MET)])
def test_at_most(k: int, n: int, verdict: str) -> None:
    assert judge.at_most("x", Share(k, n), 0.05, 0.09, 200).verdict == verdict


@pytest.mark.parametrize(("k", "n", "verdict"), [
    (60, 60, MET), (57, 60, MET), (56, 60, NOT_MET), (6, 6, TOO_FEW), (5, 6, TOO_FEW),
    (2, 6, NOT_MET), (0, 0, TOO_FEW)])
def test_at_least(k: int, n: int, verdict: str) -> None:
    assert judge.at_least("x", Share(k, n), 0.95, 60).verdict == verdict


@pytest.mark.parametrize(("word", "size", "wrong"), [
    (FASTER, 0, True), (SLOWER, 0, True), (EQUIVALENT, 0, False), (INCONCLUSIVE, 0, False),
    (FASTER, 0.05, True), (SLOWER, 0.05, False), (EQUIVALENT, 0.05, True),
    (INCONCLUSIVE, 0.05, False)])
def test_what_is_wrong(word: str, size: float, wrong: bool) -> None:
    assert judge.is_wrong(trial(word, size)) is wrong


def test_coverage_counts_the_truth_not_one() -> None:
    inside = trial(SLOWER, 0.05, 1.06, 1.05, (1.03, 1.09))
    outside = trial(SLOWER, 0.05, 1.06, 1.05, (1.055, 1.065))
    unknown = trial(INCONCLUSIVE, 0.05, 1.06, 1.05, None)
    assert (inside.covers, outside.covers, unknown.covers) == (True, False, None)
    row = judge.planted([inside, outside, unknown])[0]
    assert (row["covered"]["k"], row["covered"]["n"]) == (1, 2)
    assert (row["found"]["k"], row["found"]["n"]) == (2, 3)


def test_floor_is_a_margin_for_both_directions() -> None:
    """95 of 100 ratios within it, be they above or below 1."""
    some = [trial(EQUIVALENT, ratio=1 / 1.04 if i % 2 else 1.01) for i in range(100)]
    assert judge.floor(some)["ready"] == pytest.approx(0.04)
    assert judge.floor([]) == {}


def test_delays_and_scenario() -> None:
    """What is planted in which case, and that the words mean what the driver says."""
    delays = plan.delays({"none": 100_000, "heap": 200_000})
    assert delays["none"] == {0.02: 2000, 0.05: 5000, 0.10: 10_000}
    ini = configparser.ConfigParser(default_section="global")
    first, second = plan.scenarios(plan.Mini(), delays)
    ini.read_string(second)
    assert ini.sections() == ["none", "heap", "heap-2", "heap-5", "heap-10"]
    assert ini["heap-5"]["delay"] == "10000ns" and ini["heap-5"]["heap_mb"] == "8"
    assert "delay" not in ini["none"] and ini["none"]["strategy"] == "popen, zygote3"
    assert "[none-5]" in first and "[heap-5]" not in first
    assert [plan._ns(t) for t in ("0", "7500ns", "6us")] == [0, 7500, 6000]


def test_default_plan_is_what_make_bench_runs() -> None:
    """A claim about the default plan is none about another."""
    ini = configparser.ConfigParser(default_section="global", comment_prefixes="#")
    ini.read(ROOT / "scenarios" / "startup.ini", encoding="utf-8")
    mine = plan.Mini()
    told = {k: ini.getint("none", k) for k in ("blocks", "samples", "warmup")}
    assert told == {"blocks": mine.blocks, "samples": mine.samples, "warmup": mine.warmup}


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spawnmark and a stress-ng that are none; few mini-runs. The results folder."""
    build, path = tmp_path / "build", tmp_path / "bin"
    build.mkdir()
    path.mkdir()
    (build / "spawnmark").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -S "{SCRIPTS}/test/fake_paired.py" "$@"\n')
    (path / "stress-ng").write_text(f"#!/bin/sh\necho $$ >{tmp_path}/stress\nexec sleep 1000\n")
    for program in (build / "spawnmark", path / "stress-ng"):
        program.chmod(0o755)
    monkeypatch.setenv("B", str(build))
    monkeypatch.setenv("PATH", f"{path}:/usr/bin:/bin")
    monkeypatch.setenv("FAKE_SD", "0.02")
    monkeypatch.setenv("FAKE_LOADED", str(tmp_path / "stress"))
    monkeypatch.setattr(selfcheck, "MAIN_RUNS", (24, 24))
    monkeypatch.setattr(judge, "NEEDED_AA", 60)
    monkeypatch.setattr(judge, "NEEDED_PLANTED", 24)
    monkeypatch.setattr(judge, "NEEDED_FLOOR", 60)
    monkeypatch.setattr(selfcheck, "PYTHON_RUNS", (2, 2))
    monkeypatch.setattr(selfcheck, "LOAD_RUNS", (15, 15))
    return tmp_path / "out"


def told(folder: Path) -> dict[str, Any]:
    raw = json.loads((folder / "selfcheck.json").read_text(encoding="utf-8"))
    assert runfile.check(raw, "selfcheck.json", SCHEMA) == []
    return raw


def test_a_good_machine(fake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert selfcheck.main(["-o", str(fake), "--name", "good"]) == 0
    raw, screen = told(fake), capsys.readouterr().out
    assert [c["verdict"] for c in raw["claims"]] == [MET] * 5
    assert raw["plan"]["runs"] == {"itself and planted": 24, "python": 2, "under load": 15}
    assert raw["aa"]["false"]["ready"]["n"] == 96 and len(raw["comparisons"]["injected"]) == 72
    assert 0 < raw["floor"]["ready"] < 0.02 < raw["between"]["floor"]["ready"]
    assert raw["floor"] == raw["aa"]["floor"]
    truth = {t["size"]: t["truth"] for t in raw["comparisons"]["injected"]}
    assert all(t == pytest.approx(1 + size, abs=0.02) for size, t in truth.items())
    assert "5 of 5 claims met on good" in screen and max(map(len, screen.splitlines()[:-1])) <= 100
    assert "\n".join(screen.splitlines()[:-2]) in (fake / "summary.md").read_text(encoding="utf-8")
    load = raw["load"]
    assert (load["held"]["k"], load["right"]["k"], load["wrong"]["k"]) == (load["held"]["n"], 0, 0)
    assert raw["held"]["k"] == 0 and all(t["held"] for t in raw["comparisons"]["load"])
    assert raw["claims"][4]["seen"].endswith("; 60 for noise, 0 decided and right")
    stress = int((fake.parent / "stress").read_text())
    assert not Path(f"/proc/{stress}").exists()


@pytest.mark.parametrize(("name", "value", "failed"), [
    ("BIAS", "0.04", [0, 2]),  # a machine whose second visit is slower, whatever is visited
    ("DEAF", "1", [1, 2]),  # what is planted has no effect: nothing may be found
    ("LOADED", "", [4]),  # a load that no block shows: words are said
])
def test_a_claim_that_does_not_hold(fake: Path, monkeypatch: pytest.MonkeyPatch, name: str,
                                    value: str, failed: list[int]) -> None:
    monkeypatch.setenv(f"FAKE_{name}", value)
    assert selfcheck.main(["-o", str(fake)]) == 1
    verdicts = [c["verdict"] for c in told(fake)["claims"]]
    assert [i for i, v in enumerate(verdicts) if v == NOT_MET] == failed


@pytest.mark.parametrize(("name", "value"), [("BIAS", "0.04"), ("DEAF", "1")])
def test_wrong_words_under_load_are_counted(fake: Path, monkeypatch: pytest.MonkeyPatch, name: str,
                                            value: str) -> None:
    """Of a load that the blocks do not show: the words are wrong, as in the other parts."""
    monkeypatch.setenv(f"FAKE_{name}", value)
    monkeypatch.setenv("FAKE_LOADED", "")
    assert selfcheck.main(["-o", str(fake)]) == 1
    assert [c["verdict"] for c in told(fake)["claims"]][3:] == [NOT_MET, NOT_MET]


def test_a_machine_that_others_use_is_told(fake: Path, monkeypatch: pytest.MonkeyPatch,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    """Found nowhere, wrong nowhere: and the screen says why."""
    monkeypatch.setenv("FAKE_LOADED", "/")
    assert selfcheck.main(["-o", str(fake)]) == 1
    raw = told(fake)
    assert raw["aa"]["words"][INCONCLUSIVE] == 96 and raw["held"]["k"] == raw["held"]["n"]
    assert raw["claims"][1]["verdict"] == NOT_MET
    assert "because other work disturbed most of their blocks" in " ".join(
        capsys.readouterr().out.split())


def test_noise_makes_it_inconclusive_not_wrong(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SD", "0.3")
    assert selfcheck.main(["-o", str(fake)]) == 1
    raw = told(fake)
    assert raw["claims"][1]["verdict"] == NOT_MET  # 5 % cannot be found: that is told
    assert raw["load"]["inconclusive"]["share"] > 0.85
    assert raw["aa"]["words"][INCONCLUSIVE] > 0.85 * 96 and raw["aa"]["words"][EQUIVALENT] == 0


def test_quick_is_too_few_and_without_load(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (fake.parent / "bin" / "stress-ng").unlink()
    monkeypatch.setattr(selfcheck.shutil, "which", lambda name: None)
    assert selfcheck.main(["--quick", "-o", str(fake)]) == 4
    raw = told(fake)
    assert [c["verdict"] for c in raw["claims"]] == [TOO_FEW, TOO_FEW, TOO_FEW, RECORDED, RECORDED]
    assert raw["load"] == {"skipped": "stress-ng is missing: make setup"}
    assert raw["floor"] == {} != raw["aa"]["floor"]  # nobody's margin should be of so few


@pytest.mark.parametrize(("status", "said"), [
    ("3", "the fake fails"), ("2", "the fake fails"), ("1", "the pilot failed")])
def test_what_cannot_be_measured(fake: Path, monkeypatch: pytest.MonkeyPatch, status: str, said: str,
                                 capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FAKE_STATUS", status)
    assert selfcheck.main(["-o", str(fake)]) == 3
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_usage(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (["--minutes", "0"], ["--blocks", "0"], ["--nope"]):
        with pytest.raises(SystemExit) as left:
            selfcheck.main(words)
        assert left.value.code == 2
    monkeypatch.setenv("B", "/nonexistent")
    assert selfcheck.main(["-o", str(fake)]) == 3


def _children(pid: int) -> list[str]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return found.read_text().split() if found.exists() else []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_cut_short(fake: Path, number: signal.Signals) -> None:
    """What was measured is kept, and no process is."""
    work = fake.parent / "tmp"
    work.mkdir()
    check = subprocess.Popen(
        [sys.executable, SCRIPTS / "selfcheck.py", "-o", fake], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "FAKE_WAIT": "0.3", "TMPDIR": str(work)})
    until, seen = time.monotonic() + 60, 0
    while seen < 3 and time.monotonic() < until:  # the pilot and two more have begun
        assert check.poll() is None
        running = _children(check.pid)
        seen += bool(running)
        while running and _children(check.pid) == running and time.monotonic() < until:
            time.sleep(0.01)  # a poll of a condition, bounded
    children = _children(check.pid)
    check.send_signal(number)
    out, _ = check.communicate(timeout=60)
    assert check.returncode == 4, out
    assert told(fake)["cut_short"] and "cut short: " in out
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert list(work.iterdir()) == []


def test_a_real_one(tmp_path: Path) -> None:
    """A few seconds on the machine as it is: every part, and what they are about."""
    ran = subprocess.run(
        [sys.executable, SCRIPTS / "selfcheck.py", "--quick", "--minutes", "0.02", "--blocks", "6",
         "-o", tmp_path], cwd=tmp_path, env={**os.environ, "PATH": "/nonexistent"},
        capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode in (1, 4), ran.stderr
    raw = told(tmp_path)
    found = {(t["case"].split("/")[1], t["size"]) for t in raw["comparisons"]["injected"]}
    assert found == {("zygote3", size) for size in plan.SIZES}
    assert {t["pairs"] for t in raw["comparisons"]["aa"]} == {6}
    assert len(raw["comparisons"]["python"]) == 1 and "skipped" in raw["load"]
    for t in raw["comparisons"]["injected"]:
        assert t["truth"] == pytest.approx(1 + t["size"], rel=0.5) and t["delay_ns"] > 500
