# SPDX-License-Identifier: MIT
"""Two and more runs against each other: verdicts, refusals, exit codes and every format."""

from __future__ import annotations

import copy
import csv
import gzip
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import compare
import compare_data
import failon
import make_conformance
import make_golden
import margins
import plans
import runfile
from compared import is_primary, primaries, quantities
from test_noise import METERED
from verdicts import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER

Json = dict[str, Any]
REFERENCE = runfile.SCHEMA.parents[2] / "results" / "reference-vm-6.18.44"
QUIET = 0.1  # of the golden factors' spread: so quiet is the machine that tells 10 % from nothing


def squeeze(run: Json, keep: float = QUIET) -> Json:
    """The same medians, with less noise around them."""
    for case in run["cases"]:
        for m in case["metrics"].values():
            m["blocks"] = [m["p50"] + (b - m["p50"]) * keep for b in m["blocks"]]
        for point in case["throughput"]:
            middle = point["children_per_cpu_s"]
            for b in point.get("blocks", ()):
                b["children_per_cpu_s"] = middle + (b["children_per_cpu_s"] - middle) * keep
    return run


def slow_down(run: Json, factor: float, name: str, metrics: tuple[str, ...] = ("ready", "worked")
              ) -> None:
    """Every block of a case takes so much longer."""
    for case in run["cases"]:
        if re.search(name, case["name"]):
            for m in (case["metrics"][k] for k in metrics if k in case["metrics"]):
                m["p50"] *= factor
                m["blocks"] = [b * factor for b in m["blocks"]]


Place = Callable[[str, Json], Path]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A results folder of a run; of another name, it is another run that found the same."""
    def made(name: str, run: Json) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        run["context"]["spawnmark"]["seed"] = ord(name[0])
        (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
        return folder
    return made


@pytest.fixture(scope="session")
def golden_once() -> Json:
    """A part of it: every call reads and checks two or three files."""
    run = make_golden.golden()
    wanted = re.compile("(startup|throughput|memory)/|scale/zygote/")
    run["cases"] = [c for c in run["cases"] if wanted.match(c["name"])]
    run["isolation"] = [r for r in run["isolation"] if r["attacker"] == "root"][::7]
    run["benchmarks"] = run["benchmarks"][:1]
    return run


@pytest.fixture
def quiet(golden: Json) -> Json:
    return squeeze(golden)


class Told:
    """What a call of compare.py said."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def json(self) -> Json:
        return json.loads(self.out)

    def words(self, primary: bool | None = None) -> set[str | None]:
        return {r["verdict"] for a in self.json["against"] for r in a["results"]
                if primary is None or r["primary"] == primary}


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    def made(*argv: Path | str) -> Told:
        capsys.readouterr()
        status = compare.main([str(a) for a in argv])
        told = capsys.readouterr()
        return Told(status, told.out, told.err)
    return made


Call = Callable[..., Told]


def one_line(told: Told) -> str:
    assert told.status == 2 and told.out == "" and told.err.count("\n") == 1
    return told.err


def test_a_run_does_not_differ_from_itself(golden: Json, place: Place, call: Call) -> None:
    told = call(place("a", golden), place("b", golden), "--format", "json")
    assert told.status == 4 and told.json["outcome"] == "undecided"
    assert told.words() <= {EQUIVALENT, INCONCLUSIVE, None}
    assert {r["ratio"] for r in told.json["against"][0]["results"]} == {1.0}
    wanted = [r["more_blocks"] for r in told.json["against"][0]["results"] if r["primary"]]
    assert all(w and w > 10 for w in wanted)


def test_a_quiet_run_is_equivalent_to_itself(quiet: Json, place: Place, call: Call) -> None:
    told = call(place("a", quiet), place("b", quiet), "--format", "json")
    assert (told.status, told.json["exit"]) == (0, 0)
    assert told.words(primary=True) == {EQUIVALENT}
    assert call(place("a", quiet), place("b", quiet)).out.startswith("No regression in the ")


def test_reference_against_itself(call: Call) -> None:
    """A whole run, packed as it is kept: ready and worked of every strategy with both payloads."""
    told = call(REFERENCE, REFERENCE / "run.json.gz", "--format", "json")
    assert told.status == 0 and told.words() == {EQUIVALENT, None}
    plain = [c for c in runfile.load(REFERENCE).cases if c.scenario == "startup" and not c.is_meter
             and c.section in ("none", "python")]
    assert told.json["family"] == 2 * len(plain) >= 40


def test_one_run_twice_is_said_in_one_line(golden: Json, place: Place, call: Call) -> None:
    """However few its blocks: nothing is inferred from what was measured once."""
    base = place("a", golden)
    copied = base.with_name("copy")
    shutil.copytree(base, copied)
    told = call(base, copied)
    assert told.status == 0 and told.out.count("\n\n") >= 2
    assert " ".join(told.out.partition("\n\n")[0].split()) == (
        "THE SAME RUN: copy and a have one content; it was measured once, so there is nothing to "
        "tell apart.")
    assert "inconclusive" not in told.out.partition("that decide")[0]
    assert "Separate runs" not in told.out
    data = call(base, copied, "--format", "json", "--fail-on", "ready:p50>5%").json
    assert data["outcome"] == "no regression" and data["against"][0]["same_run"]
    decided = [r for r in data["against"][0]["results"] if r["family"]]
    assert {(r["ratio"], r["low"], r["high"], r["verdict"]) for r in decided} == {
        (1.0, 1.0, 1.0, EQUIVALENT)}


def test_one_run_twice_among_others(quiet: Json, place: Place, call: Call) -> None:
    """It is said of that one; the others decide."""
    base = place("a", quiet)
    slow_down(quiet, 1.1, "^startup/zygote/python$")
    told = call(base, base, place("b", quiet))
    assert told.status == 1 and told.out.startswith("REGRESSION: 2 of the ")
    assert told.out.count("the same run as the base") == 1


def test_a_check_that_fails_beside_the_same_run(golden: Json, place: Place, call: Call) -> None:
    """conformance.json is a file of its own: that the figures are the same tells nothing of it."""
    base = place("a", golden)
    copied = base.with_name("copy")
    shutil.copytree(base, copied)
    document = make_conformance.conformance(golden["context"]["spawnmark"]["environment"])
    (base / "conformance.json").write_text(json.dumps(document))
    cell = next(c for c in document["conformance"] if c["verdict"] == "PASS")
    cell["verdict"] = "FAIL"
    (copied / "conformance.json").write_text(json.dumps(document))
    told = call(base, copied)
    assert told.status == 1 and told.out.startswith("REGRESSION: 1 cell worse: ")


def crowd(run: Json, name: str, blocks: int) -> None:
    """So many blocks of a case began while others stood in the queue."""
    for case in run["cases"]:
        if re.search(name, case["name"]):
            for at, b in enumerate(case["blocks"]):
                b["noise"] = METERED | {"runnable_tasks": 9 if at < blocks else 1}


def test_a_loaded_machine_tells_nothing_of_ten_percent(quiet: Json, place: Place, call: Call
                                                       ) -> None:
    base = place("a", quiet)
    slow_down(quiet, 1.1, "^startup/zygote/python$")
    crowd(quiet, "^startup/zygote/python$", 6)
    assert call(base, place("b", quiet)).status == 1  # half of the blocks are not most of them
    crowd(quiet, "^startup/zygote/python$", 7)
    new = place("b", quiet)
    told = call(base, new)
    assert told.status == 4
    said = " ".join(told.out.split())
    assert "may be slower or not: most blocks of 2 were disturbed by other work" in said
    assert "inconclusive, noise 7/12" in said and "`spawnmark doctor`" in said
    found = {(r["case"], r["metric"]): r["noise"]
             for r in call(base, new, "--format", "json").json["against"][0]["results"]
             if r["noise"] and r["family"]}
    assert found == {("startup/zygote/python", m): {"over": 7, "blocks": 12}
                     for m in ("ready", "worked")}
    asked = call(base, new, "--fail-on", "ready:p50>5%/zygote/python")
    assert asked.status == 4
    assert call(base, new, "--fail-on", "ready:p50>50%/zygote/python").status == 4  # nor of none


def test_what_is_larger_than_the_load_is_told(quiet: Json, place: Place, call: Call) -> None:
    base = place("a", quiet)
    slow_down(quiet, 3, "^startup/zygote/python$")
    crowd(quiet, ".", 12)
    told = call(base, place("b", quiet), "--format", "json")
    assert told.status == 1 and told.words(primary=True) == {SLOWER, INCONCLUSIVE}
    assert not any(r["noise"] for r in told.json["against"][0]["results"]
                   if r["verdict"] == SLOWER)


def test_the_same_run_is_so_on_a_loaded_machine(quiet: Json, place: Place, call: Call) -> None:
    crowd(quiet, ".", 12)
    base = place("a", quiet)
    assert call(base, base, "--format", "json").words(primary=True) == {EQUIVALENT}


def test_planted_slow_down(quiet: Json, place: Place, call: Call) -> None:
    base = place("a", quiet)
    slow_down(quiet, 1.1, "^startup/zygote/python$")
    told = call(base, place("b", quiet), "--format", "json")
    assert told.status == 1
    found = {(r["case"], r["metric"]) for r in told.json["against"][0]["results"]
             if r["verdict"] == SLOWER}
    assert found == {("startup/zygote/python", "ready"), ("startup/zygote/python", "worked")}
    slow = next(r for r in told.json["against"][0]["results"] if r["verdict"] == SLOWER)
    assert slow["ratio"] == pytest.approx(1.1) and slow["low"] < 1.1 < slow["high"]
    text = call(base, place("b", quiet)).out
    assert text.startswith("REGRESSION: 2 of the ") and "1.100 × [1.0" in " ".join(text.split())
    back = call(place("b", quiet), base, "--format", "json")
    assert back.status == 0 and FASTER in back.words(primary=True)


def test_ten_percent_within_the_margin_is_none(quiet: Json, place: Place, call: Call) -> None:
    base = place("a", quiet)
    slow_down(quiet, 1.1, "^startup/zygote/python$")
    assert call(base, place("b", quiet), "--margin", "12%").status == 0
    assert call(base, place("b", quiet), "--margin", "9").status == 1


def test_what_does_not_decide_is_told(quiet: Json, place: Place, call: Call) -> None:
    base = place("a", quiet)
    slow_down(quiet, 1.2, "^scale/zygote/heap/heap_mb=64$")
    told = call(base, place("b", quiet))
    assert told.status == 0
    assert re.search(r"scale/zygote/heap/heap_mb=64 +ready .* 1\.200 .*  slower\n", told.out)


def test_fewer_children_per_second_are_slower(everything: Json, place: Place, call: Call) -> None:
    squeeze(everything)
    base = place("a", everything)
    for case in everything["cases"]:
        if case["name"] == "throughput/pool/none":
            for point in case["throughput"]:
                point["children_per_cpu_s"] *= 0.8
                for b in point["blocks"]:
                    b["children_per_cpu_s"] *= 0.8
    new = place("b", everything)
    told = call(base, new, "--format", "json", "--fail-on", "throughput:p50>20%/pool")
    found = {r["metric"]: r["verdict"] for r in told.json["against"][0]["results"]
             if r["case"] == "throughput/pool/none"}
    assert set(found.values()) == {SLOWER} and told.status == 1
    assert call(base, new, "--fail-on", "throughput:p50>30%/pool").status == 0
    assert call(new, base, "--fail-on", "throughput:p50>20%/pool").status == 0


def unlike_samples(run: Json) -> None:
    run["context"]["spawnmark"]["plan"]["scenarios"][0]["text"] += "samples = 7\n"


def unlike_quick(run: Json) -> None:
    run["context"]["spawnmark"]["quick"] = True


def unlike_set(run: Json) -> None:
    run["context"]["spawnmark"]["argv"] += ["--set", "warmup=9"]


@pytest.mark.parametrize("change", [unlike_samples, unlike_quick, unlike_set])
def test_unlike_plans_are_refused(quiet: Json, place: Place, call: Call,
                                  change: Callable[[Json], None]) -> None:
    base = place("a", quiet)
    change(quiet)
    said = one_line(call(base, place("b", quiet)))
    assert said.startswith("compare.py: unlike plans: ") and "--force" in said
    forced = call(base, place("b", quiet), "--force")
    assert forced.status == 0 and "Unlike plans, compared by force" in forced.out
    assert call(base, place("b", quiet), "--force", "--format", "json").json["forced"]


def test_more_blocks_and_strategies_are_no_other_plan(quiet: Json, place: Place, call: Call
                                                      ) -> None:
    base = place("a", quiet)
    scenario = quiet["context"]["spawnmark"]["plan"]["scenarios"][0]
    scenario["text"] = ("# another comment\n[global]\nblocks=24\nstrategy = popen,\n  fork\n"
                        "[more]\nsamples = 3\n[quick]\nsamples = 1\n")
    quiet["cases"] = [c for c in quiet["cases"] if c["name"] != "startup/vfork/python"]
    told = call(base, place("b", quiet))
    assert told.status == 0
    assert "differs startup [global] blocks: 12 → 24" in told.out
    assert "1 cases of a alone: startup/vfork/python" in told.out
    assert plans.differences(runfile.load(base), runfile.load(base)) == []


def test_newer_schema_is_refused(golden: Json, place: Place, call: Call) -> None:
    base = place("a", golden)
    golden["context"]["spawnmark"]["schema"] = "spawnmark/2"
    golden["cases"][0]["colour"] = "unknown to this reader"
    said = one_line(call(base, place("b", golden)))
    assert "b/run.json: schema spawnmark/2 is newer than this spawnmark reads" in said


@pytest.mark.parametrize(("rule", "why"), [
    ("ready", "not understood"), ("ready:p50", "not understood"),
    ("ready:p50>x%", "not understood"),
    ("ready:p50>5", "not understood"), ("readi:p50>5%", "no metric 'readi'"),
    ("ready:p99>5%", "only p50 has"), ("ready:p50>5%/(", "bad REGEX"), ("", "not understood")])
def test_malformed_rules(golden: Json, place: Place, call: Call, rule: str, why: str) -> None:
    said = one_line(call(place("a", golden), place("b", golden), "--fail-on", rule))
    assert said.startswith(f"compare.py: --fail-on '{rule}': ") and why in said
    assert "expected METRIC:p50>N%" in said


def test_rules_are_understood() -> None:
    rule = failon.parse(" ready:p50 > 2.5% /^startup/zygote$")
    assert (rule.metric, rule.bound) == ("ready", 0.025)
    assert rule.name is not None and rule.name.pattern == "^startup/zygote$"
    assert failon.parse("cpu:p50>10%").name is None


def test_help(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        call("--help")
    assert end.value.code == 0 and failon.FORM in " ".join(capsys.readouterr().out.split())


def test_fail_on_bites(quiet: Json, place: Place, call: Call) -> None:
    """1: lost more; 0: surely has not; 4: cannot tell. Of what was asked, and of nothing else."""
    base = place("a", quiet)
    slow_down(quiet, 1.1, "^startup/zygote/python$")
    new = place("b", quiet)
    for rule, status in (("ready:p50>5%", 1), ("ready:p50>20%", 0), ("ready:p50>5%/forkserver", 0),
                         ("ready:p50>5%/zygote", 1), ("reaped:p50>5%", 0), ("cpu:p50>20%", 0),
                         ("ready:p50>10.1%", 4)):
        assert call(base, new, "--fail-on", rule).status == status, rule
    assert call(base, new, "--fail-on", "ready:p50>20%", "--fail-on", "worked:p50>5%").status == 1
    said = one_line(call(base, new, "--fail-on", "ready:p50>5%/no-such-case"))
    assert "have no ready in a case that matches /no-such-case in common" in said


def test_too_few_blocks_cannot_be_told(quiet: Json, place: Place, call: Call) -> None:
    for case in quiet["cases"]:
        case["blocks"] = case["blocks"][:3]
        for m in case["metrics"].values():
            m["blocks"] = m["blocks"][:3]
    base = place("a", quiet)
    slow_down(quiet, 3.0, "^startup")
    told = call(base, place("b", quiet), "--format", "json")
    assert told.status == 4 and told.words(primary=True) == {INCONCLUSIVE}
    first = told.json["against"][0]["results"][0]
    assert (first["low"], first["more_blocks"], first["n_base"]) == (None, 3, 3)


def of_pairs(run: Json, factor: float) -> Json:
    """A run of pairs: every latency twice, and noise that both sides share."""
    made = []
    for new in (c for c in run["cases"] if c["kind"] == "latency"):
        base = copy.deepcopy(new) | {"side": "base", "name": new["name"] + "@base"}
        new = copy.deepcopy(new) | {"side": "new"}
        made += [base, new]
    made_run = run | {"cases": made, "benchmarks": []}
    slow_down(made_run, factor, "^startup/zygote/none$")
    made_run["context"]["spawnmark"]["plan"]["baseline"] = {"command": "old/spawnmark",
                                                            "version": "0.0.9"}
    return made_run


def test_a_run_of_pairs_is_judged_by_pairs(golden: Json, place: Place, call: Call) -> None:
    """The golden noise hides 5 % from separate runs; pairs share it."""
    slower = copy.deepcopy(golden)
    slow_down(slower, 1.05, "^startup/zygote/none$")
    separate = call(place("b", golden), place("c", slower), "--format", "json")
    assert SLOWER not in separate.words(primary=True)
    run = place("a", of_pairs(golden, 1.05))
    told = call(run, "--format", "json")
    assert told.status == 1 and told.json["paired"]
    assert told.json["baseline"] == {"command": "old/spawnmark", "version": "0.0.9"}
    slow = {(r["case"], r["n_base"]) for r in told.json["against"][0]["results"]
            if r["verdict"] == SLOWER}
    assert slow == {("startup/zygote/none", 12)}
    assert not any("@base" in r["case"] for r in told.json["against"][0]["results"])
    text = call(run).out
    assert "base: old/spawnmark, spawnmark 0.0.9" in text and "Separate runs" not in text
    assert "give it alone" in one_line(call(run, run))


def test_one_ordinary_run_is_no_comparison(golden: Json, place: Place, call: Call) -> None:
    assert "give a second one" in one_line(call(place("a", golden)))


def test_separate_runs_say_what_they_cannot(golden: Json, place: Place, call: Call) -> None:
    said = " ".join(call(place("a", golden), place("b", golden)).out.split())
    assert "Separate runs: the intervals know how blocks vary within a run, not how one run" in said
    assert "`spawnmark run … --baseline BINARY`" in said


def test_many_runs_against_the_first(quiet: Json, place: Place, call: Call) -> None:
    base = place("a", quiet)
    slower, faster = copy.deepcopy(quiet), copy.deepcopy(quiet)
    slow_down(slower, 1.1, "^startup/zygote/none$")
    slow_down(faster, 0.9, "^startup/zygote/none$")
    faster["cases"] = [c for c in faster["cases"] if c["name"] != "startup/fork/none"]
    folders = base, place("slow", slower), place("fast", faster)
    told = call(*folders)
    assert told.status == 1
    row = next(line for line in told.out.splitlines()
               if re.match(r"startup/zygote/none +ready", line))
    assert re.search(r"1\.100 \[.*\]  slower .* 0\.900 \[.*\]  faster$", row)
    missing = next(line for line in told.out.splitlines() if line.startswith("startup/fork/none"))
    assert missing.endswith(" –") and missing.count("equivalent") == 1
    both = call(*folders, "--format", "json").json
    alone = call(*folders[:2], "--format", "json").json
    assert both["family"] == 2 * alone["family"] - 2  # one family, of both comparisons
    assert [a["run"]["label"] for a in both["against"]] == ["slow", "fast"]


@pytest.mark.parametrize("many", [False, True])
def test_json_validates_and_csv_has_the_same(golden: Json, place: Place, call: Call, many: bool
                                             ) -> None:
    golden["context"]["spawnmark"]["calibration"] = []
    folders = [place("a", golden), *[place("b", golden)] * (2 if many else 1)]
    told = call(*folders, "--format", "json")
    assert runfile.check(told.json, "json", compare_data.SCHEMA) == []
    broken = told.json | {"exit": 3}
    assert runfile.check(broken, "json", compare_data.SCHEMA) != []
    rows = list(csv.DictReader(io.StringIO(call(*folders, "--format", "csv").out)))
    results = [r for a in told.json["against"] for r in a["results"]]
    assert [(r["case"], r["metric"], r["verdict"]) for r in rows] \
        == [(r["case"], r["metric"], r["verdict"] or "") for r in results]
    assert [float(r["ratio"]) for r in rows] == [r["ratio"] for r in results]


def test_markdown(quiet: Json, place: Place, call: Call) -> None:
    base = place("a", quiet)
    slow_down(quiet, 1.1, "^startup/zygote/none$")
    quiet["isolation"][0]["evidence"] = "a | b <c>"
    quiet["isolation"][0]["outcome"] = "leaked"
    text = call(base, place("b", quiet), "--format", "md").out
    assert text.startswith("**REGRESSION: 2 of the ")
    assert "| startup/zygote/none | ready | 70.5 µs | 77.5 µs | 1.100" in text
    assert "a \\| b &lt;c>" in text
    widths = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines()
              if line.startswith("| startup")]
    assert set(widths) == {8}


def test_what_differs_between_machines_comes_first(quiet: Json, place: Place, call: Call) -> None:
    base = place("a", quiet)
    mark = quiet["context"]["spawnmark"]
    mark["environment"] |= {"kernel": "6.19.0", "mitigations": {"spectre_v2": "Vulnerable"},
                            "uptime_s": 5, "mem_total_bytes": 8_010_000_000}
    mark["fingerprint"] = "f" * 16
    mark["calibration"][0]["p50"] *= 1.5
    mark["calibration"][1]["p50"] *= 1.05
    text = call(base, place("b", quiet)).out
    assert "0123456789abcdef ≠ ffffffffffffffff" in text
    assert text.index("6.19.0") < text.index("startup/zygote/none")
    assert re.search(r"mitigations.spectre_v2 +Mitigation: IBRS +Vulnerable", text)
    assert re.search(r"clock_read_ns +30.1 ns +45.[12] ns", text)
    for alike in ("uptime_s", "mem_total_bytes", "page_fault_ns", "cpu_model"):
        assert alike not in text


def test_a_new_leak_is_a_regression(quiet: Json, place: Place, call: Call) -> None:
    base = place("a", quiet)
    cell = next(r for r in quiet["isolation"] if r["strategy"] == "zygote"
                and r["outcome"] == "absent")
    cell |= {"outcome": "leaked", "evidence": "found at 0x7f"}
    told = call(base, place("b", quiet))
    assert told.status == 1 and told.out.startswith("REGRESSION: 1 cell worse: zygote none: ")
    assert "found at 0x7f" in told.out
    back = call(place("b", quiet), base)
    assert back.status == 0 and "news" in back.out and "leaked" in back.out
    unknown = json.loads((base / "run.json").read_text(encoding="utf-8"))
    unknown["isolation"][quiet["isolation"].index(cell)]["outcome"] = "n/a"
    assert call(place("c", unknown), place("b", quiet)).status == 0  # it was never seen to hold


def test_without_figures_cells_decide(golden: Json, place: Place, call: Call) -> None:
    golden["cases"] = [c for c in golden["cases"] if c["kind"] == "memory"]
    told = call(place("a", golden), place("b", golden))
    assert told.status == 0 and told.out.startswith("No cell is worse;")
    assert "Holm" not in told.out and "other figures" not in told.out


def test_throughput_alone_has_no_primary(everything: Json, place: Place, call: Call) -> None:
    everything["cases"] = [c for c in squeeze(everything)["cases"]
                           if c["name"] == "throughput/pool/none"]
    folders = place("a", everything), place("b", everything)
    told = call(*folders)
    assert told.status == 4 and "--fail-on says what else" in told.out
    assert call(*folders, "--fail-on", "throughput:p50>5%").status == 0


def test_a_case_that_fails_is_a_regression(quiet: Json, place: Place, call: Call) -> None:
    base = place("a", quiet)
    case = next(c for c in quiet["cases"] if c["name"] == "startup/zygote/none")
    case |= {"status": "failed", "metrics": {}, "blocks": [], "errors": [
        {"block": 0, "stage": "spawn", "errno": 11, "text": "no more processes", "count": 1}]}
    told = call(base, place("b", quiet))
    assert told.status == 1 and "startup/zygote/none: ok → failed" in " ".join(told.out.split())
    assert "no more processes" in told.out


def test_a_check_that_fails_is_a_regression(quiet: Json, place: Place, call: Call) -> None:
    base, new = place("a", quiet), place("b", quiet)
    document = make_conformance.conformance(quiet["context"]["spawnmark"]["environment"])
    (base / "conformance.json").write_text(json.dumps(document))
    assert call(base, new).status == 0  # of one alone there is no difference
    cells = {(c["check"], c["strategy"]): c for c in document["conformance"]}
    cells["identity.ppid.parent", "zygote"] |= {"verdict": "FAIL", "observed": "fails"}
    cells["exit.core", "zygote"] |= {"verdict": "PASS", "observed": "holds"}
    (new / "conformance.json").write_text(json.dumps(document))
    told = call(base, new, "--format", "json")
    assert told.status == 1
    found = {c["what"]: (c["base"], c["new"], c["worse"])
             for c in told.json["against"][0]["changes"]}
    assert found == {"identity.ppid.parent in zygote": ("pass", "FAIL", True),
                     "exit.core in zygote": ("FAIL", "pass", False)}


def test_margin_is_what_the_machine_cannot_tell(quiet: Json, place: Place, call: Call,
                                                tmp_path: Path) -> None:
    """The newest selfcheck of this machine raises it, an older one or another's does not."""
    base = place("a", quiet)
    slow_down(quiet, 1.04, "^startup/zygote/none$")
    new = place("b", quiet)
    assert call(base, new).status == 1
    for stamp, fingerprint, floor in (("20261101T000000Z", "0123456789abcdef", 0.5),
                                      ("20261102T000000Z", "0123456789abcdef", 0.05),
                                      ("20261103T000000Z", "another", 0.9)):
        folder = tmp_path / f"selfcheck-vm-{stamp}"
        folder.mkdir()
        (folder / "selfcheck.json").write_text(json.dumps(
            {"schema": "selfcheck/1", "fingerprint": fingerprint,
             "floor": {"ready": floor, "worked": 0.001}, "between": {"floor": {"cpu": 0.3}}}))
    (tmp_path / "selfcheck-vm-20261104T000000Z").mkdir()
    (tmp_path / "selfcheck-vm-20261104T000000Z" / "selfcheck.json").write_text("[")
    told = call(base, new, "--format", "json")
    found = {r["metric"]: (r["verdict"], r["margin"]) for r in told.json["against"][0]["results"]
             if r["case"] == "startup/zygote/none"}
    assert found["ready"] == (EQUIVALENT, 0.05) and found["worked"] == (SLOWER, 0.02)
    assert "selfcheck-vm-20261102T000000Z" in told.json["margin_source"]
    file = tmp_path / "selfcheck-vm-20261102T000000Z" / "selfcheck.json"
    raw = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(raw | {"between": {"floor": {"ready": 0.08}}}))
    run = runfile.load(base)
    assert margins.margins([run, run], None).of("ready") == 0.08  # separate runs differ by more
    assert margins.margins([run], None).of("ready") == 0.05  # one of pairs
    made = margins.margins([run], 0.01)
    assert (made.of("ready"), made.of("cpu")) == (0.01, 0.01)
    kept = tmp_path / "reference-selfcheck-vm-20261103T120000Z"
    kept.mkdir()
    (kept / "selfcheck.json.gz").write_bytes(gzip.compress(json.dumps(
        raw | {"floor": {"ready": 0.06}}).encode()))
    assert margins.margins([run], None).of("ready") == 0.06  # the newest, though packed


def test_primary_table(whole: runfile.Run, tmp_path: Path, golden: Json) -> None:
    """Plain strategies alone decide; where there are none, every latency does."""
    names = primaries(whole.cases)
    assert {"startup/zygote/python", "startup/fork/none", "startup/pool/python/warm=yes"} <= names
    for other in ("startup/raw/none", "startup/popen/none/target=static", "sandbox/zygote/none",
                  "scale/zygote/heap/heap_mb=64"):
        assert other not in names
    scale = [c for c in runfile.Run(golden, tmp_path).cases if c.scenario == "scale"]
    assert not any(map(is_primary, scale)) and primaries(scale) == {c.name for c in scale}


def test_cpu_is_of_every_child_of_a_block(run: runfile.Run) -> None:
    case = run.by_name["startup/zygote/none"]
    assert quantities(case)["cpu"].blocks[0] == 10_000_000 / 6  # five samples and a warm-up


def test_packed_and_unpacked_are_one(golden: Json, place: Place, call: Call) -> None:
    base, packed = place("a", golden), place("b", golden)
    first = call(base, packed).out
    with gzip.open(packed / "run.json.gz", "wt", encoding="utf-8") as file:
        json.dump(golden, file)
    (packed / "run.json").unlink()
    assert call(base, packed).out == first
    (packed / "run.json.gz").write_bytes((packed / "run.json.gz").read_bytes()[:400])
    assert "b/run.json.gz" in one_line(call(base, packed))
    (packed / "run.json.gz").write_text("plain")
    assert "b/run.json.gz" in one_line(call(base, packed))


def test_nothing_in_common(golden: Json, place: Place, call: Call) -> None:
    base = place("a", golden)
    for case in golden["cases"]:
        case["name"] += "/other"
    assert "no case in common" in one_line(call(base, place("b", golden)))


@pytest.fixture
def page(quiet: Json, place: Place, call: Call, tmp_path: Path) -> Path:
    base = place("a", quiet)
    slow_down(quiet, 1.1, "^startup/zygote/none$")
    slow_down(quiet, 20.0, "^startup/popen/python$")
    quiet["context"]["spawnmark"]["environment"]["kernel"] = "<6.19>"
    quiet["isolation"][0]["outcome"] = "leaked"
    file = tmp_path / "compare.html"
    assert call(base, place("b", quiet), place("c", quiet), "--html", file).status == 1
    return file


def test_page_is_one_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for outside in ("<script", "src=", "@import", 'href="http', "<6.19>"):
        assert outside not in text
    assert text.count("<svg ") == 1 == text.count('role="img"')
    label = re.search(r'aria-label="([^"]*)"', text)
    assert label and "b: startup/zygote/none ready 1.100 [" in label[1] and "slower" in label[1]
    assert text.count('class="slower"') >= 4 and "&lt;6.19&gt;" in text


def test_terminal_fits(golden: Json, place: Place, call: Call) -> None:
    """Two runs in 100 columns."""
    lines = call(place("a", golden), place("b", golden)).out.splitlines()
    assert max(map(len, lines)) <= 100
