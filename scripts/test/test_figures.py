# SPDX-License-Identifier: MIT
"""Statistics, units, derived figures and claims, against numbers told by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import runfile
import units
from claims import CLAIMS, claims
from derive import Group, Row, control_failed, groups, leaks, winner
from plots import isolation_reachable, shared_bits, style
from plots.labels import spread
from sentence import sentence
from stats import Estimate, median_interval, ratio, ratio_of_medians
from stats_by_hand import FACTORS
from verdict import (MET, MET_CROSSES, NOT_CROSSES, NOT_MEASURED, NOT_MET, OPEN, TOO_FEW, judge)


def row(group: Group, variant: str) -> Row:
    return next(r for r in group.rows if r.case.variant == variant)


@pytest.mark.parametrize(("n", "ranks"), [(6, (1, 6)), (8, (1, 8)), (9, (2, 8)), (12, (3, 10)),
                                          (20, (6, 15))])
def test_interval_ranks(n: int, ranks: tuple[int, int]) -> None:
    """As in the tables of the sign test for 95 %."""
    assert median_interval([float(i) for i in range(1, n + 1)]) == ranks


def test_no_interval_below_six_blocks() -> None:
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None


def test_ratio_is_paired_by_block() -> None:
    """Blocks drift tenfold; each pair's ratio is 2, and so is the result, without spread."""
    bottom = dict(enumerate([1.0, 2.0, 4.0, 10.0, 3.0, 5.0, None]))
    est = ratio({i: None if b is None else 2 * b for i, b in bottom.items()}, bottom)
    assert est is not None and (est.value, est.ci, est.n) == (2.0, (2.0, 2.0), 6)


def test_ratio_skips_what_it_cannot_pair() -> None:
    est = ratio({0: 4.0, 1: None, 2: 9.0}, {0: 2.0, 1: 1.0, 2: 0.0})
    assert est is not None and (est.value, est.n, est.ci) == (2.0, 1, None)


def test_a_case_that_visits_fewer_blocks_is_paired_by_index(golden: dict[str, Any],
                                                            run: runfile.Run) -> None:
    """zygote without its blocks 1, 5 and 9: each pair's ratio stays 400, without spread."""
    case = next(c for c in golden["cases"] if c["name"] == "startup/zygote/python")
    kept = [i for i in range(len(FACTORS)) if i not in (1, 5, 9)]
    case["blocks"] = [case["blocks"][i] for i in kept]
    for m in case["metrics"].values():
        m["blocks"] = [m["blocks"][i] for i in kept]
    r = row(groups(run)[0], "zygote")
    assert r.vs_popen and (r.vs_popen.n, r.vs_popen.ci) == (9, pytest.approx((400, 400)))
    assert r.vs_floor and r.vs_floor.ci == pytest.approx((0.9 / 0.88, 0.9 / 0.88))
    assert claims(run)[0].shown.startswith("400 × [400, 400]")


@pytest.mark.parametrize(("value", "text"), [(1.1349, "1.13"), (11.349, "11.3"), (999.6, "1000"),
                                             (0.9996, "1.00"), (0, "0"), (0.01234, "0.0123"),
                                             (123456, "123000")])
def test_digits(value: float, text: str) -> None:
    assert units.digits(value) == text


def test_times() -> None:
    assert units.time(1_130_000, (1_050_000, 1_210_000)) == "1.13 ms [1.05, 1.21]"
    assert units.time(999_999) == "1.00 ms"
    assert units.time(None) == units.NOTHING
    assert units.size(12_600_000) == "12.6 MB"


def test_groups_python_first(run: runfile.Run) -> None:
    assert [g.payload for g in groups(run)] == ["python", "none"]
    strategies = [c.strategy for c in groups(run)[0].cases]
    assert strategies == ["popen", "vfork", "fork", "forkserver", "zygote"]  # no meter


def test_python_row(run: runfile.Run) -> None:
    r = row(groups(run)[0], "zygote")
    assert r.ready and r.ready.p50 == 1e6 and r.ready.ci == (0.96e6, 1.04e6)
    assert r.vs_popen and r.vs_popen.value == pytest.approx(400)  # 400 ms ÷ 1 ms
    assert r.vs_floor and r.vs_floor.value == pytest.approx(0.9 / 0.88)
    assert r.rate and r.rate.measured
    assert r.rate.value == pytest.approx(1e9 / 5.1e6 * 1.14)  # best of 1 CPU: 4 in flight
    assert r.pss == pytest.approx(14e6 * 0.9)  # 16 alive: popen has nothing at 64
    assert r.inherited == (0, 24) and r.reachable == (8, 8)  # taint is n/a


def test_fork_is_marked(run: runfile.Run) -> None:
    r = row(groups(run)[0], "fork")
    assert r.inherited == (22, 24) and r.unsafe


def test_fastest_unsafe_strategy_does_not_win(golden: dict[str, Any], run: runfile.Run) -> None:
    for case in golden["cases"]:
        if case["name"] == "startup/fork/python":
            case["metrics"]["ready"]["p50"] = 1.0
    w = winner(groups(run)[0])
    assert w and w.case.strategy == "zygote"


def test_a_leaking_server_loses(golden: dict[str, Any], run: runfile.Run) -> None:
    for f in golden["isolation"]:
        if f["strategy"] == "zygote" and f["secret"] == "heap/before":
            f["outcome"] = "leaked"
    w = winner(groups(run)[0])
    assert w and w.case.strategy == "forkserver"
    assert row(groups(run)[0], "zygote").unsafe


def verdicts(run: runfile.Run) -> list[str]:
    """Of the claims that are functions; those that are rows: test_promises.py."""
    return [make(run).verdict for make in CLAIMS]


def test_claims_of_golden(run: runfile.Run) -> None:
    found = [make(run) for make in CLAIMS]
    assert {c.verdict for c in found} == {MET}
    shown = [c.shown for c in found]
    assert shown[0].startswith("400 × [400, 400] n=12")
    assert shown[1].startswith("1.30 ×")
    assert shown[2].startswith("27.0 µs [25.9, 28.1]")  # (70 - 43) µs times .96 and 1.04
    assert shown[3].startswith("1.02 ×")
    assert shown[4].startswith("2.00 % (1.02 ×")
    assert shown[5].startswith("300 ns")
    assert shown[6].startswith("30.1 ns [29.9, 30.4]")
    assert shown[7].startswith("2.44 %")  # 420 ms against 410 ms
    assert shown[8] == "22 of 24"


def _scaled(run: dict[str, Any], name: str, metric: str, factor: float) -> None:
    m = next(c for c in run["cases"] if c["name"] == name)["metrics"][metric]
    m["p50"] *= factor
    m["p50_ci"] = [end * factor for end in m["p50_ci"]]
    m["blocks"] = [b * factor for b in m["blocks"]]


def _nothing_inherited(run: dict[str, Any]) -> None:
    for f in run["isolation"]:
        if f["kind"] == "inherited":
            f["outcome"] = "absent"


def test_claims_not_met(golden: dict[str, Any], run: runfile.Run) -> None:
    _scaled(golden, "startup/zygote/python", "ready", 3)  # 133 × and 0.43 ×
    _scaled(golden, "startup/zygote/none", "entered", 1.3)  # 91 - 43 = 48 µs
    _scaled(golden, "startup/zygote/python", "entered", 1.2)  # 1.23 ×
    _scaled(golden, "startup/noop/none", "reaped", 10)  # 3 µs
    _scaled(golden, "startup/popen/python", "reaped", 1.2)  # 504 against 410 ms
    golden["context"]["spawnmark"]["calibration"][0].update(p50=101, lo=100.5, hi=102)
    for r in golden["attached"]["micro"]["benchmarks"]:
        r["real_time"] *= 1.05 if "host" in r["name"] else 1  # 7.1 %
    _nothing_inherited(golden)
    assert set(verdicts(run)) == {NOT_MET}


def test_claims_of_an_empty_run(golden: dict[str, Any], tmp_path: Any) -> None:
    golden.update(cases=[], attached={}, isolation=[])
    golden["context"]["spawnmark"]["calibration"] = []
    assert {c.verdict for c in claims(runfile.Run(golden, tmp_path))} == {NOT_MEASURED}


@pytest.mark.parametrize(("est", "on_value", "verdict"), [
    (Estimate(10, (9, 11), 12), True, MET), (Estimate(19, (18, 22), 12), True, MET_CROSSES),
    (Estimate(21, (18, 22), 12), True, NOT_CROSSES), (Estimate(25, (21, 28), 12), True, NOT_MET),
    (Estimate(19, (18, 22), 12), False, OPEN), (Estimate(21, (18, 22), 12), False, OPEN),
    (Estimate(10, None, 5), True, TOO_FEW), (Estimate(25, None, 5), False, TOO_FEW)])
def test_verdicts(est: Estimate, on_value: bool, verdict: str) -> None:
    assert judge(est, 0, 20, on_value) == verdict


def test_few_blocks_judge_nothing(golden: dict[str, Any], run: runfile.Run) -> None:
    for case in golden["cases"]:
        case["blocks"] = case["blocks"][:5]
        for m in case["metrics"].values():
            m.update(blocks=m["blocks"][:5], p50_ci=None)
    found = verdicts(run)
    assert [found[i] for i in (0, 1, 2, 3, 5, 7)] == [TOO_FEW] * 6


def test_upper_end_judges_forkserver(golden: dict[str, Any], run: runfile.Run) -> None:
    """The value is below 1, the upper end is not."""
    m = next(c for c in golden["cases"] if c["name"] == "startup/forkserver/python")["metrics"]
    m["ready"]["blocks"] = [1e6 * f * (0.99 + 0.01 * (i % 9 - 4)) for i, f in enumerate(FACTORS)]
    claim = claims(run)[1]
    assert claim.verdict == MET and claim.shown.startswith("0.975 × [0.960, 1.010]")


def test_ratio_of_medians_has_no_pairs() -> None:
    """The order of either side does not matter, and the interval is the same every time."""
    top, bottom = [2.0 + 0.1 * i for i in range(20)], [1.0 + 0.05 * i for i in range(20)]
    one, two = ratio_of_medians(top, bottom), ratio_of_medians(top, bottom)
    assert one == two and one and one.ci and one.value == pytest.approx(2)
    assert one.low < 2 < one.high and one.low > 1.3 and one.high < 3
    turned = ratio_of_medians(top, bottom[::-1])
    assert turned and turned.value == one.value and turned.ci and turned.low < 2 < turned.high
    few = ratio_of_medians(top, bottom[:5])
    assert few and few.ci is None


def test_noop_is_the_whole_sample(golden: dict[str, Any], run: runfile.Run) -> None:
    """486 ns by the loop around it, where request → reaped is 300."""
    golden["attached"]["micro"]["benchmarks"] += [
        {"name": "meter/noop/sample/real_time", "run_type": "iteration", "repetition_index": i,
         "real_time": 486.0, "time_unit": "ns"} for i in range(9)]
    assert claims(run)[5].shown == "486 ns [486, 486] n=9 (micro)"


def test_failed_control_blanks_what_it_controls(golden: dict[str, Any], run: runfile.Run) -> None:
    _nothing_inherited(golden)
    assert control_failed(run, "python")
    r = row(groups(run)[0], "zygote")
    assert r.inherited is None and r.reachable == (8, 8)
    assert "control failed" in sentence(run) and "0 of 24" not in sentence(run)


def test_isolation_is_of_the_image_that_was_attacked(golden: dict[str, Any],
                                                     run: runfile.Run) -> None:
    none = groups(run)[1]
    assert row(none, "popen").inherited == (0, 24) and row(none, "popen").reachable == (8, 8)
    for variant in ("popen static", "vfork nolibc"):
        r = row(none, variant)
        assert (r.inherited, r.others, r.reachable) == (None, None, None)
    golden["isolation"] = [f for f in golden["isolation"] if f["payload"] == "none"]
    again = runfile.Run(golden, run.folder)
    assert row(groups(again)[0], "zygote").inherited is None


def test_other_childrens_secrets_are_told_apart(golden: dict[str, Any], run: runfile.Run) -> None:
    assert row(groups(run)[0], "fork").others == (4, 4)
    assert row(groups(run)[0], "zygote").others == (0, 4)
    for f in golden["isolation"]:
        if f["strategy"] == "zygote" and f["secret"] == "sibling-request":
            f["outcome"] = "leaked"
    r = row(groups(run)[0], "zygote")
    assert r.inherited == (0, 24) and r.others == (1, 4) and not r.unsafe


def test_taint_counts_where_processes_are_used_again(golden: dict[str, Any],
                                                     run: runfile.Run) -> None:
    assert leaks(run, "zygote", "none", "reachable") == (8, 8)
    for case in golden["cases"]:
        if case["strategy"] == "zygote":
            case["traits"] = [*case["traits"], "REUSES_PROCESS"]
    again = runfile.Run(golden, run.folder)
    assert leaks(again, "zygote", "none", "reachable") == (8, 9)


def test_blocks_of_golden_are_as_told() -> None:
    ordered = sorted(FACTORS)
    assert (ordered[2], ordered[9]) == (0.96, 1.04)
    assert (ordered[5] + ordered[6]) / 2 == pytest.approx(1)


def test_labels_do_not_overlap_and_stay_inside() -> None:
    widths = [50.0, 60.0, 40.0, 50.0]
    placed = spread([0.0, 2.0, 3.0, 290.0], widths, 0.0, 300.0)
    left = [p - w / 2 for p, w in zip(placed, widths)]
    right = [p + w / 2 for p, w in zip(placed, widths)]
    assert left[0] >= -1e-9 and right[-1] <= 300 + 1e-9
    assert all(b >= a - 1e-9 for a, b in zip(right, left[1:]))


def test_labels_stay_where_there_is_room() -> None:
    assert spread([100.0, 200.0], [20.0, 20.0], 0.0, 300.0) == [100.0, 200.0]


def test_phases_look_like_no_strategy() -> None:
    taken = {*style.STRATEGY_COLOURS.values(), *style.SPARE_COLOURS}
    assert not taken & set(style.PHASE_COLOURS.values())


def test_alt_text_of_reach_leaves_out_what_does_not_apply(run: runfile.Run,
                                                          tmp_path: Path) -> None:
    """4 strategies, 2 payloads, 8 attacks each: taint is in no number."""
    said = isolation_reachable.draw(run, tmp_path / "r")
    assert said and "same: 64 of 64" in said and "other: 0 of 64" in said


def test_alt_text_of_shared_bits_has_siblings_and_chance(golden: dict[str, Any],
                                                         run: runfile.Run, tmp_path: Path) -> None:
    golden["shared_bits"][0]["siblings"] = 2
    said = shared_bits.draw(run, tmp_path / "s")
    assert said and "popen none canary 0 of 56 in 2 siblings (chance 28)" in said
    assert "zygote none canary 56 of 56 in 8 siblings (chance 0.44)" in said
